"""The oracle against brute force, closed forms and the frequencies that it promises."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.data.dataset import Truth
from benchmarks.datasets.synthetic import make
from benchmarks.oracle import ENUMERATED, SOURCES, posterior

NOBODY = np.array([], dtype=np.int64)


SHARES = {2: (0.6, 0.4), 3: (0.5, 0.3, 0.2), 4: (0.4, 0.3, 0.2, 0.1)}


def drawn(
    students: int, density: float = 1.0, seed: int = 0, directed: bool = False, classes: int = 2, signal: float = 0.6
) -> Truth:
    """A small truth with everything at work: masks, noise, features, weights; edges of a random sparse graph."""
    dials = {"masked": 0.1, "redundancy": 0.5, "label_noise": 0.1, "feature_signal": 0.5, "weight_signal": 0.4}
    dials |= {"graph_signal": signal, "mean_degree": density}
    truth = make(None, ["0"], students, SHARES[classes], directed=directed, draw=seed, **dials).truth  # type: ignore[arg-type]
    assert truth is not None
    return truth


def brute_force(truth: Truth, sources: tuple[str, ...], known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The posterior by adding up the probability of every state of the world, straight from the definition."""
    students, classes = truth.text.shape

    def over(axes: dict[int, int]) -> list[int]:
        """The shape in which something about these students applies to every state of the world."""
        return [axes.get(i, 1) for i in range(students)]

    log_world = np.zeros((classes,) * students)  # an axis a student: the behavior that the contacts see
    if "graph" in sources:
        weight_of = {(i, j): w for i, j, w in zip(*truth.pairs.tolist(), truth.weights.tolist(), strict=True)}
        pairs = itertools.permutations if truth.directed else itertools.combinations
        for i, j in pairs(range(students), 2):
            says = np.zeros((classes, classes))
            for a, b in np.ndindex(classes, classes):
                rate = truth.activity[i] * truth.activity[j] * truth.affinity[a, b]
                if (i, j) in weight_of:
                    more, mean = weight_of[i, j] - 1, truth.strength[a, b]
                    met = math.log(-math.expm1(-rate)) if rate else -math.inf
                    says[a, b] = met + more * math.log(mean) - mean - math.lgamma(more + 1)
                else:
                    says[a, b] = -rate
            log_world += (says if i < j else says.T).reshape(over({i: classes, j: classes}))
    local = np.zeros((students, classes, classes))  # [i, z, v]
    for i, z, u, v in np.ndindex(students, classes, classes, classes):
        p = truth.prior[z, u, v]
        if "text" in sources:
            p *= math.exp(truth.text[i, u])
        if "features" in sources:
            p *= math.exp(truth.features[i, z])
        if i in known:
            p *= truth.noise[z, labels[list(known).index(i)]]
        local[i, z, v] += p
    world = np.exp(log_world - log_world.max())
    for i in range(students):
        world *= local[i].sum(0).reshape(over({i: classes}))
    answer = np.zeros((students, classes))
    for i in range(students):
        seen = world.sum(tuple(j for j in range(students) if j != i))
        for v in range(classes):
            if local[i, :, v].any():
                answer[i] += seen[v] * (local[i, :, v] / local[i, :, v].sum()) @ truth.noise
    return answer / answer.sum(1, keepdims=True)


@pytest.mark.parametrize("signal", [0.6, -0.2], ids=["homophilous", "heterophilous"])
@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
@pytest.mark.parametrize(("students", "classes"), [(10, 2), (8, 3), (6, 4)])
@pytest.mark.parametrize("seed", range(2))
def test_small_graphs_equal_brute_force(students: int, classes: int, seed: int, directed: bool, signal: float) -> None:
    truth = drawn(students, 2.0, seed, directed, classes, signal if classes < 4 else signal / 2)
    known, labels = np.array([0, 3, 5]), np.array([1, 0, classes - 1])
    for sources in (SOURCES, ("graph",), ("text", "graph")):
        expected = brute_force(truth, sources, known, labels)
        np.testing.assert_allclose(posterior(truth, sources, known, labels), expected, atol=1e-9)


@pytest.mark.parametrize(("students", "classes"), [(14, 2), (14, 3), (11, 4)])
def test_the_largest_enumerated_graphs_equal_brute_force(students: int, classes: int) -> None:
    """Fourteen students of two or three behaviors; of four, eleven: what is larger is left to propagation."""
    assert classes**students <= ENUMERATED
    truth = drawn(students, 3.0, directed=classes == 4, classes=classes, signal=-0.1)
    known, labels = np.array([0, 3]), np.array([1, 0])
    expected = brute_force(truth, SOURCES, known, labels)
    np.testing.assert_allclose(posterior(truth, SOURCES, known, labels), expected, atol=1e-9)


ENDS = {
    "like meet like only": {"graph_signal": 1.0},
    "the rare never meet": {"graph_signal": -0.4 / 0.6},
    "everything certain": {"graph_signal": 1.0, "text_signal": 0.999, "weight_signal": 0.999},
    "nobody meets": {"isolated": 1.0},
    "no contacts": {"mean_degree": 0.0},
    "no sources": {"graph_signal": 0.0, "text_signal": 0.0, "feature_signal": 0.0},
}


@pytest.mark.parametrize("dials", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("masked", [0.0, 0.1])
def test_at_the_ends_of_the_dials(dials: dict[str, float], masked: float) -> None:
    small = make(None, ["0"], 9, masked=masked, **({"mean_degree": 2.0} | dials))  # type: ignore[arg-type]
    assert small.truth is not None
    known = np.array([0, 4])
    expected = brute_force(small.truth, SOURCES, known, small.labels[known])
    np.testing.assert_allclose(posterior(small.truth, SOURCES, known, small.labels[known]), expected, atol=1e-9)

    dataset = make(None, ["0"], 800, masked=masked, **dials)  # type: ignore[arg-type]
    assert dataset.truth is not None
    train, test = dataset.splits["0"].train, dataset.splits["0"].test
    chances = posterior(dataset.truth, SOURCES, train, dataset.labels[train])
    assert np.isfinite(chances).all()
    np.testing.assert_allclose(chances.sum(1), 1)
    right = (chances.argmax(1) == dataset.labels)[test].mean()
    if abs(dials.get("graph_signal", 0)) > 0.5 and not masked:
        assert right > 0.97, "contacts are certain evidence"


@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
def test_belief_propagation_is_near_exact_with_loops(monkeypatch: pytest.MonkeyPatch, directed: bool) -> None:
    """Even on 13 students, of whom each has some weight of her own in the mean field."""
    errors = []
    for seed in range(8):
        truth = drawn(13, density=2.5, seed=seed, directed=directed)
        exact = posterior(truth, SOURCES, np.array([0, 3]), np.array([1, 0]))
        with monkeypatch.context() as context:
            context.setattr("benchmarks.oracle.ENUMERATED", 0)
            near = posterior(truth, SOURCES, np.array([0, 3]), np.array([1, 0]))
        errors.append(np.abs(near - exact))
    assert np.mean(errors) < 0.04
    assert np.max(errors) < 0.2


@pytest.mark.parametrize("classes", [2, 3])
def test_trees_are_exact(monkeypatch: pytest.MonkeyPatch, classes: int) -> None:
    """Rates so small that who did not meet says nothing: then the graph's factors are those of the tree alone."""
    students = 8
    truth = drawn(students, classes=classes)
    pairs = np.array([[0, 0, 1, 1, 3, 3, 0], [1, 2, 3, 4, 5, 6, 7]])
    weights = np.array([1, 2, 4, 1, 3, 1, 2])
    tree = replace(truth, affinity=truth.affinity * 1e-7, pairs=pairs, weights=weights)
    known, labels = np.array([2, 6]), np.array([1, 0])
    monkeypatch.setattr("benchmarks.oracle.ENUMERATED", 0)
    expected = brute_force(tree, SOURCES, known, labels)
    np.testing.assert_allclose(posterior(tree, SOURCES, known, labels), expected, atol=1e-5)


def test_text_alone_is_the_closed_form() -> None:
    truth = drawn(500)
    joint = truth.prior.sum(2)[None] * np.exp(truth.text)[:, None, :]  # P(z, u) P(text | u)
    state = joint.sum(2) / joint.sum((1, 2))[:, None]
    np.testing.assert_allclose(posterior(truth, ("text",), NOBODY, NOBODY), state @ truth.noise, atol=1e-12)


def test_without_graph_signal_contacts_add_nothing() -> None:
    truth = make(None, ["0"], 400, graph_signal=0.0, feature_signal=0.3).truth
    assert truth is not None
    known, labels = np.arange(50), np.arange(50) % 2
    without = posterior(truth, ("text", "features"), known, labels)
    np.testing.assert_allclose(posterior(truth, SOURCES, known, labels), without, atol=1e-9)


@pytest.mark.parametrize("signal", [0.5, -0.5], ids=["homophilous", "heterophilous"])
@pytest.mark.parametrize("sources", [("text",), ("graph",), SOURCES], ids=["text", "graph", "all"])
def test_the_posterior_is_calibrated(sources: tuple[str, ...], signal: float) -> None:
    """Of the students to whom it gives a probability about p, a share about p has the label."""
    found, truths = [], []
    for seed in range(3):
        dataset = make(
            None, ["0"], 2000, shares=(0.5, 0.5), graph_signal=signal, mean_degree=5.0, label_noise=0.05, draw=seed
        )
        assert dataset.truth is not None
        known = dataset.splits["0"].train
        rest = np.setdiff1d(np.arange(2000), known)
        found.append(posterior(dataset.truth, sources, known, dataset.labels[known])[rest, 1])
        truths.append(dataset.labels[rest])
    p, y = np.concatenate(found), np.concatenate(truths)
    for low in np.arange(0, 1, 0.1):
        inside = (p >= low) & (p < low + 0.1)
        if inside.sum() >= 100:
            error = 4 * math.sqrt(0.25 / inside.sum())
            assert abs(p[inside].mean() - y[inside].mean()) < error
    assert abs(p.mean() - y.mean()) < 0.02


def test_more_sources_know_more() -> None:
    dataset = make(None, ["0"], 2000, weight_signal=0.3)
    assert dataset.truth is not None
    split = dataset.splits["0"]
    accuracy = {}
    for sources in [("features",), ("text",), ("graph",), SOURCES]:
        chances = posterior(dataset.truth, sources, split.train, dataset.labels[split.train])
        accuracy[sources] = (chances.argmax(1) == dataset.labels)[split.test].mean()
    assert accuracy[("features",)] < accuracy[("graph",)] < accuracy[SOURCES]
    assert accuracy[("text",)] < accuracy[SOURCES]


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ValueError, match="source 'grades' is not one of text, graph, features"):
        posterior(drawn(5), ("grades",), NOBODY, NOBODY)
