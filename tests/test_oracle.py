"""The oracle against brute force, closed forms and the frequencies that it promises."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.dataset import Truth
from benchmarks.datasets.synthetic import make
from benchmarks.oracle import SOURCES, posterior

NOBODY = np.array([], dtype=np.int64)


def drawn(students: int, density: float = 1.0, seed: int = 0, directed: bool = False, classes: int = 2) -> Truth:
    """A small truth with everything at work: masks, noise, features, weights; edges of a random sparse graph."""
    shares = {2: (0.6, 0.4), 3: (0.5, 0.3, 0.2)}[classes]
    dials = {"masked": 0.1, "redundancy": 0.5, "label_noise": 0.1, "feature_signal": 0.5, "weight_signal": 0.4}
    truth = make(
        None, ["0"], students, shares, graph_signal=0.6, mean_degree=density, directed=directed, draw=seed, **dials
    ).truth
    assert truth is not None
    return truth


def brute_force(truth: Truth, sources: tuple[str, ...], known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The posterior by adding up the probability of every state of the world, straight from the definition."""
    students, classes = truth.text.shape
    shown = list(itertools.product(range(classes), repeat=students))
    log_graph = np.zeros(len(shown))
    if "graph" in sources:
        weight_of = {(i, j): w for i, j, w in zip(*truth.pairs.tolist(), truth.weights.tolist(), strict=True)}
        if truth.directed:
            candidates = list(itertools.permutations(range(students), 2))
        else:
            candidates = list(itertools.combinations(range(students), 2))
        for row, v in enumerate(shown):
            for i, j in candidates:
                rate = truth.activity[i] * truth.activity[j] * truth.affinity[v[i], v[j]]
                if (i, j) in weight_of:
                    more, mean = weight_of[i, j] - 1, truth.strength[v[i], v[j]]
                    log_graph[row] += math.log(-math.expm1(-rate))
                    log_graph[row] += more * math.log(mean) - mean - math.lgamma(more + 1)
                else:
                    log_graph[row] -= rate
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
    answer = np.zeros((students, classes))
    for row, v in enumerate(shown):
        chances = [local[i, :, v[i]] for i in range(students)]
        whole = math.exp(log_graph[row] - log_graph.max()) * math.prod(c.sum() for c in chances)
        for i in range(students):
            answer[i] += whole * (chances[i] / chances[i].sum()) @ truth.noise
    return answer / answer.sum(1, keepdims=True)


@pytest.mark.parametrize("directed", [False, True], ids=["undirected", "directed"])
@pytest.mark.parametrize("seed", range(4))
def test_small_graphs_equal_brute_force(seed: int, directed: bool) -> None:
    truth = drawn(10, density=2.0, seed=seed, directed=directed)
    known, labels = np.array([0, 3, 5]), np.array([1, 0, 1])
    expected = brute_force(truth, SOURCES, known, labels)
    np.testing.assert_allclose(posterior(truth, SOURCES, known, labels), expected, atol=1e-9)


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
    dataset = make(None, ["0"], 4000, weight_signal=0.3)
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
