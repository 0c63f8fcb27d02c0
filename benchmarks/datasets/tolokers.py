"""Tolokers: which workers of a crowdsourcing project were banned?

Nodes are workers of the Toloka platform who did tasks of one project, and two are joined who worked on the same task.
Features are how their answers ended, their education as they state it, and whether they know English. There is no
text. These are people doing assessed work, not students: the dataset is here for its published numbers.

O. Platonov et al., "A critical look at the evaluation of GNNs under heterophily: are we really making progress?",
ICLR 2023, https://arxiv.org/abs/2302.11640; data by D. Likhobaba et al., "Toloker Graph: Interaction of Crowd
Annotators", 2023, https://doi.org/10.5281/zenodo.7620795.
Level 2.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

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


def make(raw: Path, splits: Sequence[str], education: bool = True) -> Dataset:
    """All workers, with the ten splits that the benchmark's authors drew: "0" to "9", stratified halves and quarters.

    `education = False` leaves out what workers say of their education, which is sensitive. Everything is measured
    over the whole project, the ban included, so there is no cut-off. Raises ValueError for a file that does not hold
    these arrays.
    """
    file = raw / "tolokers.npz"
    arrays = _read(file)
    x, labels, edges = (arrays[name] for name in ("node_features", "node_labels", "edges"))
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
        splits=named(splits, {str(i): _split(arrays, i, file) for i in range(SPLITS)}),
        remarks=(
            "Crowd workers are nodes, not students.",
            "The four rates are measured up to the end, so they are in part a consequence of a ban.",
            "Not checkable: what was known before a ban, for nothing carries a time.",
        ),
    )


def _read(file: Path) -> dict[str, np.ndarray]:
    """The arrays of the archive, none of which may be a pickle."""
    names = ("node_features", "node_labels", "edges", *(f"{side}_masks" for side in SIDES))
    try:
        with file.open("rb") as content, np.load(content, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except (KeyError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise _wrong(
            file, f"expected the plain arrays {', '.join(names)}, and reading them failed ({error})"
        ) from error


def _check(x: np.ndarray, labels: np.ndarray, edges: np.ndarray, file: Path) -> None:
    """Raise ValueError for arrays that are not of one graph."""
    if x.shape != (len(labels), len(FEATURES)) or x.dtype != np.float32:
        raise _wrong(file, f"node_features is {x.dtype} {x.shape}; expected float32 {(len(labels), len(FEATURES))}")
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise _wrong(file, f"node_features[{row}, {column}] is {x[row, column]}")
    strange = ~np.isin(labels, (0, 1))
    if strange.any():
        raise _wrong(file, f"node_labels[{strange.argmax()}] is {labels[strange][0]}; expected 0 and 1")
    if labels.dtype != np.int64:
        raise _wrong(file, f"node_labels is {labels.dtype}; expected int64")
    if edges.shape[1:] != (2,) or edges.dtype != np.int64:
        raise _wrong(file, f"edges is {edges.dtype} {edges.shape}; expected int64 pairs")
    outside = ((edges < 0) | (edges >= len(x))).any(1)
    if outside.any():
        raise _wrong(file, f"edge {outside.argmax()} joins {edges[outside][0].tolist()}, of {len(x)} workers")
    low, high = edges.min(1), edges.max(1)
    if (low == high).any():
        raise _wrong(file, f"edge {(low == high).argmax()} joins worker {low[low == high][0]} with themselves")
    if len(np.unique(low * len(x) + high)) != len(edges):
        raise _wrong(file, "edges holds a pair twice, and each is expected once")


def _split(arrays: dict[str, np.ndarray], number: int, file: Path) -> Split:
    """Split `number` of the authors' masks [10, N]."""
    masks = [arrays[f"{side}_masks"] for side in SIDES]
    expected = (SPLITS, len(arrays["node_labels"]))
    if any(mask.shape != expected or mask.dtype != bool for mask in masks):
        raise _wrong(file, f"masks are {[mask.shape for mask in masks]}; expected {expected} of true and false")
    train, validation, test = (np.flatnonzero(mask[number]) for mask in masks)
    return Split(train, validation, test, hidden=np.array([], np.int64))


def _wrong(file: Path, what: str) -> ValueError:
    return ValueError(f"{file}: {what}. Get the file again: {SOURCE}")
