"""What controls and ablations change of a graph, and what they leave."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import learnable, random_graph
from sklearn.linear_model import LogisticRegression

from baselines import logistic, states_mlp
from benchmarks import train
from benchmarks.data import predictions
from benchmarks.data.dataset import Dataset
from benchmarks.data.grid import values
from benchmarks.data.storage import Known, save_dataset
from benchmarks.training import edits
from benchmarks.training.variants import LABELS, expanded
from benchmarks.training.views import Material
from sgn import model
from sgn.task import Task


@pytest.mark.parametrize("directed", [True, False])
def test_rewiring_keeps_degrees_and_weights(directed: bool) -> None:
    graph = random_graph(students=60, edges=300, directed=directed)
    null = edits.rewired(graph)
    for end in (0, 1):
        assert torch.equal(null.edges[end].bincount(minlength=60), graph.edges[end].bincount(minlength=60))
    assert torch.equal(null.weights.sort().values, graph.weights.sort().values)
    assert (null.edges[0] != null.edges[1]).all()
    before, after = ({tuple(e) for e in g.edges.T.tolist()} for g in (graph, null))
    assert len(before & after) < 0.3 * len(before)
    if not directed:
        assert after == {(b, a) for a, b in after}
    assert torch.equal(null.edges, edits.rewired(graph).edges), "the same for each run"


def test_undirected_adds_up_what_went_either_way() -> None:
    graph = replace(
        random_graph(students=3), edges=torch.tensor([[0, 1, 1], [1, 0, 2]]), weights=torch.tensor([1.0, 2.0, 4.0])
    )
    both = edits.undirected(graph)
    found = {tuple(e): w for e, w in zip(both.edges.T.tolist(), both.weights.tolist(), strict=True)}
    assert found == {(0, 1): 3.0, (1, 0): 3.0, (1, 2): 4.0, (2, 1): 4.0}
    assert not both.directed


def one_hot(dataset: Dataset, tmp_path: Path) -> Material:
    """Of a dataset with features that are rows of one-hot columns, far shorter than one entry of order one a column."""
    x = torch.nn.functional.one_hot(torch.arange(len(dataset.graph)) % 50, 50).float()
    graph = replace(dataset.graph, x=x, features=tuple(f"code {i}" for i in range(50)))
    material = Material(stored(replace(dataset, graph=graph), tmp_path), None, ["0"])
    generator = torch.Generator().manual_seed(0)
    material.graph = replace(material.graph, states=torch.randn(len(graph), 384, generator=generator))
    material._read_states = lambda known, seed: (material.graph.states, None)
    return material


@pytest.mark.parametrize("module", [model, states_mlp])
def test_text_is_as_long_as_the_features_of_training_students(module: ModuleType, tmp_path: Path) -> None:
    view = one_hot(learnable(), tmp_path).views("0", 0).training
    built = getattr(module, "StatesMLP" if module is states_mlp else "BertGCN")(module.Config(dropout=0.0), view)
    text = built.states(view.graph.states) * built.scale
    sides = [rows[view.train].square().sum(1).mean().sqrt().item() for rows in (text, view.graph.x)]
    assert sides[0] == pytest.approx(sides[1], rel=1e-3)
    assert sides[1] < 3, "and not the root of the number of columns, which is 7"


@pytest.mark.parametrize("name", ["no_features", "no_edges", "rewired", "unweighted", "no_text"])
def test_what_an_ablation_takes_away_leaves_the_text_as_it_is(name: str, tmp_path: Path) -> None:
    material = one_hot(learnable(), tmp_path)
    views = [material.views("0", 0, edit).training for edit in (lambda g: g, getattr(edits, name))]
    base, changed = (model.BertGCN(model.Config(), view).scale for view in views)
    assert base == changed


def test_words_and_features_of_a_logistic_regression_are_of_one_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """scikit-learn is asked with rows of words of norm one beside features of norm one, on the average."""
    view, asked, own = one_hot(learnable(), tmp_path).views("0", 0).training, [], LogisticRegression.fit
    monkeypatch.setattr(LogisticRegression, "fit", lambda self, x, y: asked.append(x) or own(self, x, y))
    logistic.fit(logistic.Config(), view, 0, lambda *_: True)
    features = asked[0].toarray()[:, -view.graph.num_features :]
    assert (features**2).sum(1).mean() == pytest.approx(1)


def test_without_edges_nobody_has_a_degree(tmp_path: Path) -> None:
    """So the ablation takes away what convolutions and what degrees tell; the docs say so."""
    view = one_hot(learnable(), tmp_path).views("0", 0, edits.no_edges).training
    degrees = [i for i, name in enumerate(view.graph.features) if name.endswith(("degree", "strength"))]
    assert degrees
    assert not view.graph.x[:, degrees].any()


def test_shuffled_text_moves_states_with_it() -> None:
    states = torch.arange(40.0)[:, None]
    graph = replace(random_graph(), states=states, logits=states * 2)
    moved = edits.shuffled_text(graph)
    assert moved.texts == tuple(f"student {int(i)} writes" for i in moved.states[:, 0])
    assert torch.equal(moved.logits, moved.states * 2)
    assert torch.equal(moved.states.sort(0).values, states)
    assert (moved.states == states).float().mean() < 0.2
    assert torch.equal(moved.x, graph.x)


def test_what_is_removed_is_gone_and_the_rest_stays() -> None:
    graph = replace(random_graph(), states=torch.ones(40, 3))
    assert edits.no_edges(graph).edges.shape == (2, 0)
    assert edits.no_text(graph).states.abs().sum() == 0
    assert edits.no_features(graph).num_features == 0
    assert edits.unweighted(graph).weights.unique().tolist() == [1.0]
    assert torch.equal(edits.unweighted(graph).edges, graph.edges)


def known_of(train: list, validation: list) -> Known:
    """A split whose students are numbered: first those with these labels, then two who are tested."""
    labels = torch.tensor([*train, *validation])
    ids = torch.arange(len(labels) + 2).split([len(train), len(validation), 2])
    unknown = torch.full((2, *labels.shape[1:]), -1)
    return Known("0", *ids, torch.tensor([], dtype=torch.long), torch.cat([labels, unknown]))


def test_permuted_labels_stay_on_their_side_under_names_that_both_sides_share() -> None:
    known, task = (
        known_of([0] * 60 + [1] * 30 + [2] * 10, [0] * 30 + [1] * 15 + [2] * 5),
        Task("multiclass", ("a", "b", "c")),
    )
    namings = set()
    for seed in range(30):
        permuted = known.permuted(seed, task)
        train, validation = permuted.labels[known.train], permuted.labels[known.validation]
        assert torch.equal(train.bincount(), 2 * validation.bincount())
        assert sorted(train.bincount().tolist()) == [10, 30, 60]
        assert len(train[:60].unique()) == 3, "dealt out, not only renamed"
        assert (permuted.labels[known.test] == -1).all()
        assert permuted.fingerprint != known.fingerprint
        namings.add(tuple(train.bincount().tolist()))
    assert len(namings) == 6, "any class may get any name"
    assert torch.equal(known.permuted(3, task).labels, known.permuted(3, task).labels)


def test_permuted_answers_are_swapped_question_by_question_and_unknown_ones_stay_so() -> None:
    answers = [[1, 1]] * 20 + [[0, 1]] * 50 + [[0, -1]] * 10
    known, task = known_of(answers, answers), Task("multilabel", ("p", "q"))
    seen = set()
    for seed in range(30):
        permuted = known.permuted(seed, task)
        train, validation = (permuted.labels[ids] for ids in (known.train, known.validation))
        counts = [
            [(side[:, q] == answer).sum().item() for q in (0, 1) for answer in (-1, 0, 1)]
            for side in (train, validation)
        ]
        assert counts[0] == counts[1]
        assert counts[0][:3] in ([0, 60, 20], [0, 20, 60])
        assert counts[0][3:] in ([10, 0, 70], [10, 70, 0])
        seen.add(tuple(counts[0]))
    assert len(seen) == 4, "each question is swapped for itself"


def stored(dataset: Dataset, place: Path) -> Path:
    """The dataset's folder, as `prepare` leaves it."""
    for kind in ("data", "sealed"):
        (place / kind).mkdir()
    save_dataset(dataset, place / "data", place / "sealed")
    return place / "data"


@pytest.mark.parametrize("hidden", [False, True])
def test_connected_labels_are_those_of_students_who_interact(tmp_path: Path, hidden: bool) -> None:
    """Of training students alone: who is validated and tested stays, so that runs are paired; texts and features, too.

    Where test students are hidden, whoever interacts with them alone is not known to interact.
    """
    dataset = learnable(inductive=hidden)
    split = dataset.splits["0"]
    lonely, via_test = split.train[:7], split.train[7]
    others = np.setdiff1d(np.arange(240), [*lonely, via_test, *split.validation[:2]])  # know one who is validated
    edges = np.array([[via_test, *others], [split.test[0], *np.full(len(others), split.validation[1])]])
    graph = replace(dataset.graph, edges=torch.from_numpy(edges), weights=torch.ones(edges.shape[1]))
    material = Material(stored(replace(dataset, graph=graph), tmp_path), None, ["0"])
    base, views = material.views("0", 0), material.views("0", 0, labels="connected")
    left = sorted({*split.train.tolist()} - {*lonely.tolist()} - ({via_test} if hidden else set()))
    place = {student: row for row, student in enumerate(np.setdiff1d(np.arange(240), split.test if hidden else []))}
    assert sorted(views.training.train.tolist()) == [place[student] for student in left]
    assert (views.training.labels[[place[student] for student in lonely]] == -1).all()
    assert torch.equal(views.training.validation, base.training.validation)
    assert len(views.training.graph) == len(base.training.graph)
    assert len(views.prediction) == 240
    assert views.fingerprint != base.fingerprint


def test_connected_labels_need_a_student_who_interacts(tmp_path: Path) -> None:
    material = Material(stored(learnable(), tmp_path), None, ["0"])
    with pytest.raises(ValueError, match="no training student interacts with anybody"):
        material.views("0", 0, edits.no_edges, "connected")


def test_what_texts_say_stands_among_the_features_and_no_text_remains() -> None:
    graph = replace(random_graph(students=5), states=torch.ones(5, 8), logits=torch.ones(5, 1))
    said = torch.tensor([[1.0, 3.0, 0.5]]).repeat(5, 1)
    told = train.told(graph, said)
    assert told.x[:, -2:].tolist() == [[2.0, -0.5]] * 5
    assert len(told.features) == told.num_features == graph.num_features + 2
    assert torch.equal(told.x[:, :-2], graph.x)
    assert set(told.texts) == {""}
    assert not told.states.any()
    assert not told.logits.any()


def test_a_grid_is_a_variant_a_combination() -> None:
    variants = {"wide": {"width": 9}, "grid": {"dropout": [0.0, 0.5], "layers": [1, 2]}}
    found = expanded(variants)
    assert list(found) == ["wide", "dropout=0.0,layers=1", "dropout=0.0,layers=2", "dropout=0.5,layers=1",
                           "dropout=0.5,layers=2"]  # fmt: skip
    assert found["dropout=0.5,layers=1"] == {"dropout": 0.5, "layers": 1}
    assert values("dropout=0.5,layers=1") == {"dropout": "0.5", "layers": "1"}
    assert values("wide") == {}
    assert expanded({"wide": {"width": 9}}) == {"wide": {"width": 9}}


def test_each_variant_is_a_run_of_its_own(tmp_path: Path) -> None:
    """What changes the text alone was once taken from the cache of the unchanged run."""
    dataset = learnable()
    alone = dataset.splits["0"].train[:9]
    kept = ~np.isin(dataset.graph.edges, alone).any(0)
    graph = replace(dataset.graph, edges=dataset.graph.edges[:, kept], weights=dataset.graph.weights[kept])
    dataset = replace(dataset, graph=graph)
    folders = {name: tmp_path / name for name in ("data", "sealed", "states", "cache", "output")}
    for folder in folders.values():
        folder.mkdir()
    save_dataset(dataset, folders["data"], folders["sealed"])
    states = np.random.default_rng(0).standard_normal((240, 8)).astype(np.float32)
    states[:, 0] += dataset.labels * 3
    np.savez(folders["states"] / "states.npz", states=states, index=np.arange(240))
    variants = {name: {"graph": name} for name in ("shuffled_text", "no_text", "no_features", "no_edges", "rewired")}
    variants |= {how: {"labels": how} for how in LABELS} | {"undirected": {"graph": "undirected"}}
    train.run(
        folders["data"], "sgn.model", ["0"], [0], 20, 20, folders["cache"], "cpu", folders["output"],
        states=folders["states"], variants=variants,
    )  # fmt: skip
    assert len({run.test.tobytes() for run in predictions.load(folders["output"])[0]}) == 1 + len(variants)


def test_a_model_that_reads_the_words_themselves_sees_other_words(tmp_path: Path) -> None:
    """What no encoder has read is told apart in the cache, too."""
    folders = {kind: tmp_path / kind for kind in ("data", "sealed", "cache", "output")}
    for folder in folders.values():
        folder.mkdir()
    save_dataset(learnable(), folders["data"], folders["sealed"])
    variants = {name: {"graph": name} for name in ("shuffled_text", "no_text")}
    train.run(
        folders["data"], "baselines.logistic", ["0"], [0], 20, 20, folders["cache"], "cpu", folders["output"],
        variants=variants,
    )  # fmt: skip
    assert len({run.test.tobytes() for run in predictions.load(folders["output"])[0]}) == 3
