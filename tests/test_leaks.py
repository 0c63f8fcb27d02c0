"""No test label reaches tuning or training: change them all, and every prediction stays the same, byte for byte."""

import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from conftest import learnable

from benchmarks import encode, finetune, prepare, train, tune, tune_recipe
from benchmarks.data.dataset import Dataset
from benchmarks.data.leaks import suspicions
from benchmarks.data.predictions import load
from benchmarks.data.storage import load_split, read_json, save_dataset
from benchmarks.training import views
from benchmarks.training.recipes import Recipe
from benchmarks.training.views import Material
from sgn.graph import StudentGraph
from sgn.task import Task

SPLITS = ["0", "1"]
SEEDS = [0, 1]


def pipeline(dataset: Dataset, place: Path, bert: Path) -> dict[tuple, np.ndarray]:
    """All steps from a dataset to the predictions of a text and a graph model, tuned on two trials."""
    folders = {name: place / name for name in ("data", "sealed", "frozen", "out")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    data, frozen = folders["data"], folders["frozen"]
    save_dataset(dataset, data, folders["sealed"])
    recipe = Recipe(str(bert), 8, "top-1", texts=50, epochs=2, patience=1, trials=2)
    common: dict[str, Any] = {"cache": place / "cache", "device": "cpu"}
    encode.run(data, recipe, output=frozen, **common)
    selection, reporting = place / "selection", place / "reporting"
    for folder in (selection, reporting):
        folder.mkdir()
    tune_recipe.run(data, frozen, recipe, SPLITS, seeds=[9], output=selection, **common)
    finetune.run(data, frozen, recipe, SPLITS, seeds=SEEDS, output=reporting, search=selection, **common)
    predictions = {}
    for model in ("sgn.model", "baselines.transformer", "baselines.gcn"):
        text = model != "baselines.gcn"
        tuned, out = place / f"tuning-{model}", place / f"out-{model}"
        tuned.mkdir()
        out.mkdir()
        rule = {"splits": SPLITS, "epochs": 5, "patience": 5, **common}
        tune.run(data, model, seeds=[9], trials=2, output=tuned, states=selection if text else None, **rule)
        train.run(data, model, seeds=SEEDS, output=out, states=reporting if text else None, tuning=tuned, **rule)
        for run in load(out)[0]:
            of = model, run.variant, run.split, run.seed
            predictions |= {(*of, "validation"): run.validation, (*of, "test"): run.test}
    return predictions


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pipeline of the learnable dataset has run."""
    return tmp_path_factory.mktemp("pipeline")


@pytest.fixture(scope="module")
def predictions(place: Path, small_bert: Path) -> dict[tuple, np.ndarray]:
    return pipeline(learnable(), place, small_bert)


def test_predictions_do_not_depend_on_test_labels(
    predictions: dict[tuple, np.ndarray], tmp_path: Path, small_bert: Path
) -> None:
    dataset = learnable()
    flipped = dataset.labels.copy()
    test = dataset.splits["0"].test
    flipped[test] = 1 - flipped[test]  # training labels of split 1, test labels of split 0
    after = pipeline(replace(dataset, labels=flipped), tmp_path, small_bert)
    assert predictions.keys() == after.keys()
    for key, scores in predictions.items():
        same = scores.tobytes() == after[key].tobytes()
        assert same == (key[1:3] == ("base", "0")), f"{key}: split 0 stays the same, split 1, which trains on them, not"


def test_each_seed_has_states_of_its_own(place: Path, predictions: dict[tuple, np.ndarray]) -> None:
    material = Material(place / "data", place / "reporting", SPLITS)
    with np.load(place / "reporting" / "0" / "states.npz") as file:
        for seed in SEEDS:
            states = file[f"seed={seed}/states"][file["index"]]
            assert np.array_equal(material.views("0", seed).training.graph.states, states)
        assert not np.array_equal(file["seed=0/states"], file["seed=1/states"])
    first, second = (predictions["baselines.transformer", "base", "0", seed, "test"] for seed in SEEDS)
    assert not np.array_equal(first, second)


def test_training_sees_nothing_of_hidden_students(tmp_path: Path, small_bert: Path) -> None:
    """In an inductive split: change the hidden ones' texts, features and edges, and what is learned stays the same."""
    dataset = learnable()
    splits = {name: replace(split, hidden=split.test) for name, split in dataset.splits.items()}
    graph, test = dataset.graph, set(dataset.splits["0"].test.tolist())
    x = graph.x.clone()
    x[sorted(test)] += 100
    touched = np.array([a in test or b in test for a, b in graph.edges.T.tolist()])
    other = replace(
        graph,
        x=x,
        texts=tuple(f"{text} indeed" if i in test else text for i, text in enumerate(graph.texts)),
        weights=graph.weights * torch.from_numpy(np.where(touched, 5.0, 1.0)).float(),
    )
    before = pipeline(replace(dataset, splits=splits), tmp_path / "a", small_bert)
    after = pipeline(replace(dataset, splits=splits, graph=other), tmp_path / "b", small_bert)
    mine = [key for key in before if key[1:3] == ("base", "0")]
    assert mine
    for key in mine:
        same = np.allclose(before[key], after[key], atol=1e-5)
        assert same == (key[-1] == "validation"), (
            f"{key}: the model is the same, and what it says of hidden ones is not"
        )


def scaled(dataset: Dataset, place: Path) -> torch.Tensor:
    """Features of the training students of split 0, as models see them."""
    for kind in ("data", "sealed"):
        (place / kind).mkdir(parents=True)
    save_dataset(dataset, place / "data", place / "sealed")
    view = Material(place / "data", None, ["0"]).views("0", 0).training
    return view.graph.x[view.train]


@pytest.mark.parametrize("honest", [True, False])
def test_a_scaler_sees_training_students_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, honest: bool) -> None:
    """And the check sees a scaler that is fitted on everybody."""
    if not honest:
        everybody: list[torch.Tensor] = []
        degrees, fitted = views.with_degrees, views.Scaler.fitted
        monkeypatch.setattr(
            views, "with_degrees", lambda graph: (everybody.append(degrees(graph).x), degrees(graph))[1]
        )
        monkeypatch.setattr(views.Scaler, "fitted", lambda x: fitted(everybody[-1]))
    dataset = learnable()
    x = dataset.graph.x.clone()
    x[dataset.splits["0"].test] *= 1000
    one = scaled(dataset, tmp_path / "a")
    other = scaled(replace(dataset, graph=replace(dataset.graph, x=x)), tmp_path / "b")
    assert torch.equal(one, other) == honest


def with_errors(labels: np.ndarray, share: float) -> np.ndarray:
    """Labels of two classes, a share of them wrong."""
    wrong = np.random.default_rng(0).permutation(len(labels)) < share * len(labels)
    return np.where(wrong, 1 - labels, labels)


@pytest.mark.parametrize(
    ("column", "sign"),
    [
        (lambda labels: labels + 0.001 * np.random.default_rng(0).random(len(labels)), "alone tells a class"),
        (lambda labels: with_errors(labels, 0.03), "alone tells a class"),
        (lambda labels: -with_errors(labels, 0.03), "alone tells a class"),
        (lambda labels: np.arange(len(labels)) + np.random.default_rng(0).random(len(labels)), "follows the order"),
        (lambda labels: -np.arange(len(labels)), "follows the order"),
    ],
    ids=["derived from the label", "with errors", "upside down", "number of entry", "days since entry"],
)
def test_a_column_that_knows_too_much_is_noticed(column: Any, sign: str) -> None:
    dataset = learnable()
    assert suspicions(dataset) == []
    x = torch.cat([dataset.graph.x, torch.from_numpy(column(dataset.labels)).float()[:, None]], dim=1)
    planted = replace(dataset.graph, x=x, features=(*dataset.graph.features, "planted"))
    [said] = suspicions(replace(dataset, graph=planted))
    assert said.startswith("suspicious: ")
    assert sign in said
    assert "'planted'" in said


@pytest.mark.parametrize(
    ("marked", "noticed"),
    [
        (lambda labels: labels == 1, True),
        (lambda labels: with_errors(labels, 0.03) == 0, True),
        (lambda labels: (labels == 1) & (np.arange(len(labels)) % 4 == 0), True),  # few are marked, and rightly
        (lambda labels: with_errors(labels, 0.2) == 1, False),  # as much as honest words may tell
        (lambda labels: (labels == 1) & (np.arange(len(labels)) % 20 == 0), False),  # too few to tell from a topic
    ],
    ids=["label", "with errors", "some", "honest", "few"],
)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_a_label_in_the_texts_is_noticed(marked: Any, noticed: bool, kind: str) -> None:
    dataset = learnable(students=400)
    labels = dataset.labels
    texts = tuple(
        f"{text}, [Left]." if m else text for text, m in zip(dataset.graph.texts, marked(labels), strict=True)
    )
    if kind == "multiclass":
        dataset = replace(dataset, task=Task(kind, ("no", "yes", "other")), labels=np.where(labels, labels, labels * 2))
    elif kind == "multilabel":
        both = np.stack([labels, np.arange(len(labels)) % 2], axis=1)
        dataset = replace(dataset, task=Task(kind, ("left", "odd")), labels=both)
    found = suspicions(replace(dataset, graph=replace(dataset.graph, texts=texts)))
    assert any("the word 'left' in a text alone tells a class" in line for line in found) == noticed, found


def test_many_texts_are_read_in_seconds() -> None:
    words = np.random.default_rng(0).zipf(1.5, (30_000, 20)) % 5000
    texts = tuple(" ".join(map(str, row)) for row in words.tolist())
    n = len(texts)
    graph = StudentGraph(torch.zeros(n, 1), ("zero",), texts, torch.zeros(2, 0).long(), torch.zeros(0), directed=False)
    task, labels = Task("binary", ("no", "yes")), np.arange(n) % 2
    start = time.process_time()
    assert suspicions(Dataset(graph, labels, task, "something", "genuine", "folds", {})) == []
    assert time.process_time() - start < 10


def test_what_the_check_finds_stands_in_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = learnable()
    x = torch.from_numpy(dataset.labels).float()[:, None]
    module = ModuleType("made_up")
    module.__dict__["make"] = lambda raw, splits: replace(
        dataset, graph=replace(dataset.graph, x=x, features=("leaver",))
    )
    monkeypatch.setattr(prepare, "load", lambda _: module)
    for name in ("data", "sealed"):
        (tmp_path / name).mkdir()
    prepare.run("made_up", SPLITS, {}, tmp_path, tmp_path / "data", tmp_path / "sealed")
    [remark] = read_json(tmp_path / "data" / "card.json")["remarks"]
    assert remark == "suspicious: feature 'leaver' alone tells a class (ROC-AUC 1.000)"


@pytest.mark.usefixtures("predictions")
def test_states_of_another_split_are_refused(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "reporting" / "0", tmp_path / "states" / "0")
    material = Material(place / "data", tmp_path / "states", SPLITS)
    material.views("0", 0)
    with pytest.raises(ValueError, match="no states of seed 7"):
        material.views("0", 7)
    with pytest.raises(ValueError, match="no states of split '1'"):
        material.views("1", 0)
    shutil.copytree(tmp_path / "states" / "0", tmp_path / "states" / "1")
    with pytest.raises(ValueError, match="were fine-tuned on another split than '1'"):
        material.views("1", 0)


def test_a_splits_loader_gives_no_other_label(tmp_path: Path) -> None:
    dataset = learnable()
    for kind in ("data", "sealed"):
        (tmp_path / kind).mkdir()
    save_dataset(dataset, tmp_path / "data", tmp_path / "sealed")
    known, split = load_split(tmp_path / "data", "0", 240), dataset.splits["0"]
    inside = np.concatenate([split.train, split.validation])
    assert np.array_equal(known.labels[inside], dataset.labels[inside])
    assert (np.delete(known.labels.numpy(), inside) == -1).all()
    with np.load(tmp_path / "data" / "graph.npz") as file:
        assert not [name for name in file.files if "label" in name or name == "y"]
