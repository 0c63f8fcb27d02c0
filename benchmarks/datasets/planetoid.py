"""Planetoid: Cora and CiteSeer, the two citation graphs on which most papers on graph convolutions report.

Nodes are papers, edges are citations without a direction, the class is the topic, and features are a bag of words:
row i says which words of a vocabulary, never published, stand in paper i. No words can be read, so there is no text;
`cora_text` has some. These are no students: the dataset is here because published numbers exist for it.

Z. Yang et al., "Revisiting Semi-Supervised Learning with Graph Embeddings", ICML 2016,
https://arxiv.org/abs/1603.08861, whose split ("public") is the one used; data by P. Sen et al., "Collective
Classification in Network Data", AI Magazine 29(3), 2008.
Level 2.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from benchmarks.data.arrays import read_arrays, refuse
from benchmarks.data.dataset import Dataset, Split, named
from benchmarks.data.raw import RawFileError
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
SIDES = ("train_idx", "val_idx", "test_idx")
ARRAYS = {
    "x_data": (np.float32, ("words",)),
    "x_indices": (np.int32, ("words",)),
    "x_indptr": (np.int64, ("N + 1",)),
    "x_shape": (np.int64, (2,)),
    "y": (np.int64, ("N",)),
    "edge_index": (np.int64, (2, "E")),
    **{side: (np.int64, (side,)) for side in SIDES},
}


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
    arrays = read_arrays(file, ARRAYS)
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
    train, validation, test = (_side(arrays[side], len(x), side, file) for side in SIDES)
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


def _bag_of_words(arrays: dict[str, np.ndarray], file: Path) -> np.ndarray:
    """Rows [N, F] float32 that sum to one, or to zero where a paper has no word."""
    parts = arrays["x_data"], arrays["x_indices"], arrays["x_indptr"]
    try:
        words = scipy.sparse.csr_matrix(parts, shape=tuple(arrays["x_shape"]))
        words.check_format(full_check=True)  # indices outside the matrix would be read outside it
    except (ValueError, TypeError) as error:
        raise RawFileError(f"{file}: x is no sparse matrix ({error})") from error
    dense = words.toarray()
    refuse(file, "x", dense, ~np.isin(dense, (0, 1)), "0 or 1")
    return dense / dense.sum(1, keepdims=True).clip(min=1)


def _check(labels: np.ndarray, edges: np.ndarray, papers: int, classes: int, file: Path) -> None:
    """Raise RawFileError for labels or edges that cannot belong to `papers` papers."""
    if len(labels) != papers:
        raise RawFileError(f"{file}: y has {len(labels)} topics for {papers} papers")
    refuse(file, "y", labels, (labels < -1) | (labels >= classes), f"a topic from 0 to {classes - 1}, or -1 for none")
    refuse(file, "edge_index", edges, (edges < 0) | (edges >= papers), f"a paper from 0 to {papers - 1}")
    wrong = (edges[0] >= edges[1]) | pd.DataFrame(edges.T).duplicated().to_numpy()
    refuse(file, "edge_index.T", edges.T, wrong, "two papers, the smaller first, and each pair once")


def _side(ids: np.ndarray, papers: int, side: str, file: Path) -> np.ndarray:
    """Ids of one side of the split, sorted."""
    if not len(ids):
        raise RawFileError(f"{file}: {side} is empty")
    refuse(file, side, ids, (ids < 0) | (ids >= papers), f"a paper from 0 to {papers - 1}")
    return np.sort(ids)
