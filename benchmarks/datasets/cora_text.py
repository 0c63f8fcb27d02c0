"""Cora with words: what is a paper about, told from its abstract and from whom it cites?

Nodes are papers on machine learning, edges are citations, and the text is the abstract as CANE released it, with its
function words taken out. Unlike `planetoid`, a Transformer can read this Cora; the two number papers differently, and
no table joins them. These are no students: the dataset is here because text and graph are both known to help.

C. Tu et al., "CANE: Context-Aware Network Embedding for Relation Modeling", ACL 2017,
https://doi.org/10.18653/v1/P17-1158.
Level 2.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from benchmarks.data.dataset import Dataset, Split, named
from benchmarks.data.raw import RawFileError
from benchmarks.data.tables import Column, read_table
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "cora_text_cane"
FILES = {
    "data.txt": "0b3f7748134974d3d261365f625e532ea889edf27560b28cd24f6d1f9c71fbb9",
    "graph.txt": "b2202fda793a7ef9216aa55ce1b21f96985129ba009c5b49ec39a9f0abc18b23",
    "group.txt": "77b948c2a5fd7ff8e8cddeeaa06f0c8789fbde1edfc3795d2c8a98f6f0e2a502",
}
URLS = {
    "data.txt": "https://raw.githubusercontent.com/thunlp/CANE/a0e7e7802c3e0f9daf3c230ca6ba91e314f3a749/datasets/cora/data.txt",
    "graph.txt": "https://raw.githubusercontent.com/thunlp/CANE/a0e7e7802c3e0f9daf3c230ca6ba91e314f3a749/datasets/cora/graph.txt",
    "group.txt": "https://raw.githubusercontent.com/thunlp/CANE/a0e7e7802c3e0f9daf3c230ca6ba91e314f3a749/datasets/cora/group.txt",
}
SOURCE = "https://github.com/thunlp/CANE, datasets/cora/"

CLASSES = 7
DRAWS = ("60-20-20", "20-per-class")
SEEDS = SPLITS = 5


def make(raw: Path, splits: Sequence[str], draw: Literal["60-20-20", "20-per-class"] = "60-20-20") -> Dataset:
    """All papers; those of unknown topic are context. Nothing has a time, so there is no cut-off.

    A split is named by the seed, 0 to 4, of one permutation of the labeled papers. `draw = "60-20-20"` gives shares in
    percent, "20-per-class" the first 20 of each topic to training, the next 500 to validation and the next 1000 to
    test, in the spirit of `planetoid`. Papers with one text stand on one side. Raises ValueError for another `draw`,
    and for files that do not fit together.
    """
    if draw not in DRAWS:
        raise ValueError(f"no draw {draw!r}; there are {', '.join(DRAWS)}")
    texts = tuple(read_table(raw / "data.txt", {"abstract": str}, separator="\t", header=False)["abstract"])
    labels = _labels(raw / "group.txt", len(texts))
    edges = _edges(raw / "graph.txt", len(texts))
    words = [text.split() for text in texts]
    x = np.log1p(np.array([(len(own), len(set(own))) for own in words], np.float32))
    same = np.unique(np.array(texts, object), return_inverse=True)[1]
    cut = _shares if draw == "60-20-20" else _per_class
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x),
            features=("words", "different words"),
            texts=texts,
            edges=torch.from_numpy(np.concatenate([edges, edges[::-1]], axis=1)),
            weights=torch.ones(2 * edges.shape[1]),
            directed=False,
        ),
        labels=labels,
        task=Task("multiclass", tuple(f"topic {i}" for i in range(CLASSES))),
        target="topic of a paper",
        text="genuine",
        replication="folds",
        splits=named(splits, {str(seed): cut(labels, *_order(labels, same, seed)) for seed in range(SEEDS)}),
        persons=same,
        remarks=(
            "Papers are nodes, not students.",
            "The abstracts lack their function words, which costs a pretrained Transformer something.",
            "Papers with one and the same text count as one person: they stand on one side of a split.",
            "Not checkable: whether the pretrained Transformer has read these abstracts before; it very likely has.",
        ),
    )


def _order(labels: np.ndarray, same: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labeled papers in the order of a permutation, each repeated text moved up to its first place; and that place."""
    drawn = np.random.RandomState(seed).permutation(np.flatnonzero(labels >= 0))
    _, first, text = np.unique(same[drawn], return_index=True, return_inverse=True)
    order = drawn[np.argsort(first[text], kind="stable")]
    _, first, text = np.unique(same[order], return_index=True, return_inverse=True)
    return order, first[text]


def _shares(labels: np.ndarray, order: np.ndarray, place: np.ndarray) -> Split:
    """Three fifths train, a fifth validates, a fifth is tested."""
    first, second = int(0.6 * len(order)), int(0.8 * len(order))
    return _split(order, place < first, (place >= first) & (place < second), place >= second)


def _per_class(labels: np.ndarray, order: np.ndarray, place: np.ndarray) -> Split:
    """The first 20 of each topic train, the next 500 papers validate, the next 1000 are tested."""
    rank = pd.Series(order).groupby(labels[order]).cumcount().to_numpy()
    train = rank[place] < 20
    turn = (np.cumsum(~train) - 1)[place]
    return _split(order, train, ~train & (turn < 500), ~train & (turn >= 500) & (turn < 1500))


def _split(order: np.ndarray, *sides: np.ndarray) -> Split:
    train, validation, test = (np.sort(order[side]) for side in sides)
    return Split(train, validation, test, hidden=np.array([], np.int64))


def _labels(file: Path, papers: int) -> np.ndarray:
    """Topics [N] int64; -1 for a blank line."""
    topics = read_table(file, {"topic": Column(int, range(CLASSES), empty=True)}, header=False)["topic"]
    if len(topics) != papers:
        raise RawFileError(f"{file} has {len(topics)} lines for the {papers} of data.txt")
    return topics.fillna(-1).to_numpy(np.int64)


def _edges(file: Path, papers: int) -> np.ndarray:
    """Pairs [2, E] of papers one of which cites the other, each pair once, smaller number first."""
    paper = Column(int, range(papers))
    pairs = read_table(file, {"citing": paper, "cited": paper}, separator="\t", header=False)
    ends = np.sort(pairs.to_numpy(), axis=1)
    return np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0).T
