"""Tolokers: which workers of a crowdsourcing project were banned?

Nodes are workers of the Toloka platform who did tasks of one project, and two are joined who worked on the same task.
Features are how their answers ended, their education as they state it, and whether they know English. There is no
text. These are people doing assessed work, not students: the dataset is here for its published numbers.

O. Platonov et al., "A critical look at the evaluation of GNNs under heterophily: are we really making progress?",
ICLR 2023, https://arxiv.org/abs/2302.11640; data by D. Likhobaba et al., "Toloker Graph: Interaction of Crowd
Annotators", 2023, https://doi.org/10.5281/zenodo.7620795.
Level 2.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.data.arrays import read_arrays, refuse
from benchmarks.data.dataset import Dataset, Split, named
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "tolokers"
FILES = {"tolokers.npz": "dacf3ac94cec53d03cd2adb5255c08b33dee1656c33ca8164a464bd9450a1667"}
URLS = {
    "tolokers.npz": "https://raw.githubusercontent.com/yandex-research/heterophilous-graphs/a431395582e929d88271309716bea4fe24ce6318/data/tolokers.npz"
}
SOURCE = "https://github.com/yandex-research/heterophilous-graphs, data/tolokers.npz"

ANSWERS = ("approved rate", "skipped rate", "expired rate", "rejected rate")  # they sum to one
EDUCATION = ("education: none", "education: basic", "education: middle", "education: high")
FEATURES = (*ANSWERS, *EDUCATION, "English in the profile", "English tested")
TEXT = False
SPLITS = 10
SIDES = ("train", "val", "test")
ARRAYS = {
    "node_features": (np.float32, ("N", len(FEATURES))),
    "node_labels": (np.int64, ("N",)),
    "edges": (np.int64, ("E", 2)),
    **{f"{side}_masks": (np.bool_, (SPLITS, "N")) for side in SIDES},
}


def make(raw: Path, splits: Sequence[str], education: bool = True) -> Dataset:
    """All workers, with the ten splits that the benchmark's authors drew: "0" to "9", stratified halves and quarters.

    `education = False` leaves out what workers say of their education, which is sensitive. Everything is measured
    over the whole project, the ban included, so there is no cut-off. Raises ValueError for a file that does not hold
    these arrays.
    """
    file = raw / "tolokers.npz"
    x, labels, edges, *masks = read_arrays(file, ARRAYS).values()
    _check(x, labels, edges, file)
    kept = [name for name in FEATURES if education or name not in EDUCATION]
    ends = np.concatenate([edges, edges[:, ::-1]]).T
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x[:, [FEATURES.index(name) for name in kept]]),
            features=tuple(kept),
            texts=("",) * len(x),
            edges=torch.from_numpy(np.ascontiguousarray(ends)),
            weights=torch.ones(ends.shape[1]),
            directed=False,
        ),
        labels=labels,
        task=Task("binary", ("stays", "is banned")),
        target="is banned",
        text="none",
        replication="folds",
        splits=named(splits, {str(i): _split(*(mask[i] for mask in masks)) for i in range(SPLITS)}),
        remarks=(
            "Crowd workers are nodes, not students.",
            "The four rates are measured up to the end, so they are in part a consequence of a ban.",
            "Not checkable: what was known before a ban, for nothing carries a time.",
        ),
    )


def _check(x: np.ndarray, labels: np.ndarray, edges: np.ndarray, file: Path) -> None:
    """Raise RawFileError for arrays that are not of one graph."""
    refuse(file, "node_features", x, ~np.isfinite(x), "a number")
    refuse(file, "node_labels", labels, ~np.isin(labels, (0, 1)), "0 or 1")
    refuse(file, "edges", edges, (edges < 0) | (edges >= len(x)), f"a worker from 0 to {len(x) - 1}")
    low, high = np.sort(edges, axis=1).T
    refuse(file, "edges", edges, low == high, "two workers")
    refuse(file, "edges", edges, pd.Series(low * len(x) + high).duplicated().to_numpy(), "each pair once")


def _split(*masks: np.ndarray) -> Split:
    """One of the authors' splits, of three masks [N]."""
    train, validation, test = map(np.flatnonzero, masks)
    return Split(train, validation, test, hidden=np.array([], np.int64))
