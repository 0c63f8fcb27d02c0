"""Small made-up student graphs to try models on: the truth is known, and a fit takes moments."""

import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.data.dataset import Dataset, random_split
from benchmarks.data.storage import load_split, save_dataset
from benchmarks.training.views import Material
from sgn.graph import StudentGraph, TrainingView
from sgn.task import Task

WORDS = ("calm", "late", "lost")


def learnable(
    kind: str = "binary", students: int = 240, seed: int = 0, directed: bool = True, inductive: bool = False
) -> Dataset:
    """A dataset of two splits that every model can learn: features, texts and neighbors all tell the class.

    `inductive` hides test students from training. A multilabel task lacks some answers.
    """
    rng = np.random.default_rng(seed)
    classes = 2 if kind == "binary" else 3
    labels = rng.integers(classes, size=students)
    x = np.eye(classes)[labels] * 2 + rng.standard_normal((students, classes))
    pairs = rng.integers(students, size=(2, 8 * students))
    same = labels[pairs[0]] == labels[pairs[1]]
    pairs = pairs[:, (pairs[0] != pairs[1]) & (same | (rng.random(same.size) < 0.1))]
    if not directed:
        pairs = np.concatenate([pairs, pairs[::-1]], axis=1)
    pairs = np.unique(pairs, axis=1)
    graph = StudentGraph(
        x=torch.from_numpy(x).float(),
        features=tuple(f"f{i}" for i in range(classes)),
        texts=tuple(f"{WORDS[c]} {WORDS[c]} {WORDS[rng.integers(3)]}" for c in labels),
        edges=torch.from_numpy(pairs),
        weights=torch.ones(pairs.shape[1]),
        directed=directed,
    )
    splits = {str(s): random_split(labels, s, 0.5, 0.25) for s in (0, 1)}
    if inductive:
        splits = {name: replace(split, hidden=split.test) for name, split in splits.items()}
    if kind == "multilabel":
        labels = np.eye(classes, dtype=np.int64)[labels]
        labels[::5, 0] = -1
    names = ("no", "yes") if kind == "binary" else ("a", "b", "c")
    return Dataset(graph, labels, Task(kind, names), "something", "genuine", "folds", splits)


def permuted(dataset: Dataset, seed: int) -> Dataset:
    """The dataset with everybody's labels dealt out anew: nothing tells them."""
    return replace(dataset, labels=np.random.default_rng(seed).permutation(dataset.labels))


def scrambled(dataset: Dataset) -> Dataset:
    """The dataset with another label for each test student of split 0, all else equal."""
    labels = dataset.labels.copy()
    test = dataset.splits["0"].test
    labels[test] = (labels[test] + 1) % len(dataset.task.classes)
    return replace(dataset, labels=labels)


@dataclass(frozen=True, eq=False)
class Case:
    """A dataset as a model meets it: what it trains on, what it predicts, and the labels that it may not know."""

    view: TrainingView
    graph: StudentGraph  # [N] to predict; in the inductive regime with students that the view lacks
    test: Tensor  # [n] ids in `graph`
    labels: Tensor  # [N] or [N, K]: everybody's


def case(dataset: Dataset, split: str = "0") -> Case:
    """What the verbs make of a dataset, with the states and logits of a recipe that is fine-tuned on the split."""
    with tempfile.TemporaryDirectory() as folder:
        data, answers, recipe = (Path(folder) / name for name in ("data", "answers", "recipe"))
        for part in (data, answers, recipe / split):
            part.mkdir(parents=True)
        save_dataset(dataset, data, answers)
        known = load_split(data, split, len(dataset.graph))
        states, logits = _read(dataset.graph.texts, dataset.task)
        np.savez(
            recipe / split / "states.npz",
            **{"seed=0/states": states.numpy(), "seed=0/logits": logits.numpy()},  # type: ignore[arg-type]
            index=np.arange(len(dataset.graph)),
            fingerprint=known.fingerprint,
        )
        views = Material(data, recipe, [split]).views(split, 0)
    return Case(views.training, views.prediction, known.test, torch.from_numpy(dataset.labels))


def _read(texts: tuple[str, ...], task: Task) -> tuple[Tensor, Tensor]:
    """States [N, 4 C] that tell a text's first word with noise, and logits [N, K] made of them."""
    classes = len(task.classes)
    words = torch.tensor([WORDS.index(text.split()[0]) for text in texts])
    told = nn.functional.one_hot(words, classes).float().repeat(1, 4)
    states = told + torch.randn(told.shape, generator=torch.Generator().manual_seed(1))
    logits = states.reshape(-1, 4, classes).sum(1)
    return states, logits[:, 1:] - logits[:, :1] if task.kind == "binary" else logits


CASES = {
    "binary, directed": functools.partial(learnable, "binary"),
    "multiclass, undirected": functools.partial(learnable, "multiclass", directed=False),
    "multilabel, directed": functools.partial(learnable, "multilabel"),
    "multiclass, directed, test students hidden": functools.partial(learnable, "multiclass", inductive=True),
}
*TRANSDUCTIVE, INDUCTIVE = CASES
