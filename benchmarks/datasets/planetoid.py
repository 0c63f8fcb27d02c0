"""Planetoid: Cora and CiteSeer, the two citation graphs on which most papers on graph convolutions report.

Nodes are papers, edges are citations without a direction, the class is the topic, and features are a bag of words:
row i says which words of a vocabulary, never published, stand in paper i. No words can be read, so there is no text;
`cora_text` has some. These are no students: the dataset is here because published numbers exist for it.

Z. Yang et al., "Revisiting Semi-Supervised Learning with Graph Embeddings", ICML 2016,
https://arxiv.org/abs/1603.08861, whose split ("public") is the one used; data by P. Sen et al., "Collective
Classification in Network Data", AI Magazine 29(3), 2008.
Level 2.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import scipy.sparse
import torch

from benchmarks.data.dataset import Dataset, Split, named
from sgn.graph import StudentGraph
from sgn.task import Task

TEXT = False
SPLITS = ("public",)
FOLDER = "planetoid"
FILES = {
    "cora.npz": "fff725a343140cf0105235f80dc25b52535d9ee15ffa774fe0ace368f4f8e67a",
    "citeseer.npz": "1698e43d22a2d9a0cb44aa10e27c078dadfff404713907793faa2a4dd190107b",
}
SOURCE = "plain arrays made from the pickles ind.cora.* and ind.citeseer.* of https://github.com/kimiyoung/planetoid"

CLASSES = {"cora": 7, "citeseer": 6}
ARRAYS = ("x_indptr", "x_indices", "x_data", "x_shape", "y", "edge_index", "train_idx", "val_idx", "test_idx")


def needed(name: str) -> list[str]:
    """The raw file of a graph; raises ValueError with the graphs' names for another."""
    if name not in CLASSES:
        raise ValueError(f"no graph {name!r}; there are {', '.join(CLASSES)}")
    return [f"{name}.npz"]


def make(raw: Path, splits: Sequence[str], name: Literal["cora", "citeseer"]) -> Dataset:
    """The citation graph `name`, "cora" or "citeseer", with its one split, "public".

    Everybody is a node; CiteSeer's papers of unknown topic are context. Nothing has a time, so there is no cut-off.
    The bag of words is divided by its sum, as papers do; a paper without words keeps zeros. Raises ValueError for a
    file that does not hold these arrays.
    """
    file = raw / needed(name)[0]
    arrays = _read(file)
    x = _bag_of_words(arrays, file)
    labels, edges = arrays["y"], arrays["edge_index"]
    _check(labels, edges, len(x), CLASSES[name], file)
    graph = StudentGraph(
        x=torch.from_numpy(x),
        features=tuple(f"word {i}" for i in range(x.shape[1])),
        texts=("",) * len(x),
        edges=torch.from_numpy(np.concatenate([edges, edges[::-1]], axis=1)),
        weights=torch.ones(2 * edges.shape[1]),
        directed=False,
    )
    train, validation, test = (_side(arrays[f"{side}_idx"], labels, side, file) for side in ("train", "val", "test"))
    return Dataset(
        graph=graph,
        labels=labels,
        task=Task("multiclass", tuple(f"topic {i}" for i in range(CLASSES[name]))),
        target="topic of a paper",
        text="none",
        replication="fixed",
        splits=named(splits, {"public": Split(train, validation, test, np.array([], np.int64))}),
        remarks=(
            "Papers are nodes, not students.",
            "The one split has been used for years: published differences below a point mean little.",
            "Not checkable: whether a bag of words knows anything later than the topic, for nothing carries a time.",
        ),
    )


def _read(file: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive, none of which may be a pickle."""
    try:
        with file.open("rb") as content, np.load(content, allow_pickle=False) as archive:
            return {name: archive[name] for name in ARRAYS}
    except (KeyError, ValueError, TypeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise _wrong(
            file, f"expected the plain arrays {', '.join(ARRAYS)}, and reading them failed ({error})"
        ) from error


def _bag_of_words(arrays: dict[str, np.ndarray], file: Path) -> np.ndarray:
    """Rows [N, F] float32 that sum to one, or to zero where a paper has no word."""
    parts = arrays["x_data"], arrays["x_indices"], arrays["x_indptr"]
    try:
        words = scipy.sparse.csr_matrix(parts, shape=tuple(arrays["x_shape"]))
        words.check_format(full_check=True)  # indices outside the matrix would be read outside it
    except (ValueError, TypeError) as error:
        raise _wrong(file, f"x is no sparse matrix ({error})") from error
    dense = words.toarray().astype(np.float32)
    if not np.isin(dense, (0, 1)).all():
        row, column = np.argwhere(~np.isin(dense, (0, 1)))[0]
        raise _wrong(file, f"x[{row}, {column}] is {dense[row, column]}; expected 0 and 1 only")
    return dense / dense.sum(1, keepdims=True).clip(min=1)


def _check(labels: np.ndarray, edges: np.ndarray, papers: int, classes: int, file: Path) -> None:
    """Raise ValueError for labels or edges that cannot belong to `papers` papers."""
    if labels.shape != (papers,) or edges.shape[:1] != (2,) or edges.ndim != 2:
        raise _wrong(file, f"y is {labels.shape} and edge_index {edges.shape} for {papers} papers")
    if labels.dtype != np.int64 or edges.dtype != np.int64:
        raise _wrong(file, f"y is {labels.dtype} and edge_index {edges.dtype}; expected int64")
    strange = (labels < -1) | (labels >= classes)
    if strange.any():
        raise _wrong(file, f"y[{strange.argmax()}] is {labels[strange][0]}; topics are 0 to {classes - 1}, -1 is none")
    outside = ((edges < 0) | (edges >= papers)).any(0)
    if outside.any():
        raise _wrong(file, f"edge {outside.argmax()} joins {edges[:, outside][:, 0].tolist()}, of {papers} papers")
    if (edges[0] >= edges[1]).any() or np.unique(edges, axis=1).shape != edges.shape:
        raise _wrong(
            file, "edge_index holds a paper with itself, a pair twice, or a pair whose first is not the smaller"
        )


def _side(ids: np.ndarray, labels: np.ndarray, side: str, file: Path) -> np.ndarray:
    """Ids of one side of the split, sorted."""
    if ids.ndim != 1 or not len(ids) or ids.dtype != np.int64 or ids.min() < 0 or ids.max() >= len(labels):
        raise _wrong(file, f"{side}_idx is no list of papers from 0 to {len(labels) - 1}")
    return np.sort(ids)


def _wrong(file: Path, what: str) -> ValueError:
    return ValueError(f"{file}: {what}. Get the file again: {SOURCE}")
