"""OGB: any node-property dataset of the Open Graph Benchmark, ogbn-arxiv first.

Nodes are papers, products or proteins, never students: the dataset is here because others compare on it, by official
splits and OGB's own `Evaluator`, whose score the suite's headline score equals. Text exists for ogbn-arxiv alone, where
whoever wants it puts `titleabs.tsv`, the titles and abstracts that OGB offers apart, beside the graph.

W. Hu et al., "Open Graph Benchmark: Datasets for Machine Learning on Graphs", NeurIPS 2020,
https://arxiv.org/abs/2005.00687. The raw tables are read by the `ogb` package's own functions. Its dataset class is
left alone: it keeps pickles (`processed/data_processed`, `split_dict.pt`), which torch refuses from 2.6 on and nobody
should open unseen, it asks questions on the terminal, and it writes among the raw files.
Level 2.
"""

import gzip
import importlib.resources
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.data.dataset import Dataset, Split, named
from benchmarks.data.raw import DOWNLOADS
from benchmarks.jobs.outcome import NotAvailableError
from sgn.graph import StudentGraph
from sgn.task import Task

sys.modules.setdefault("outdated", None)  # type: ignore[arg-type]  # or importing ogb asks an index for a newer one

SPLITS = ("official",)
FOLDER = "ogb"
FILES = {}  # type: ignore[var-annotated]  # OGB publishes no checksums
SOURCE = "https://ogb.stanford.edu/docs/nodeprop/"

TITLES = "https://snap.stanford.edu/ogb/data/misc/ogbn_arxiv/titleabs.tsv.gz"
SIDES = ("train", "valid", "test")
UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, AssertionError, zlib.error)  # what readers raise


def make(raw: Path, splits: Sequence[str], name: str = "ogbn-arxiv") -> Dataset:
    """The OGB dataset `name`, its folder (ogbn_arxiv, ...) unpacked as OGB ships it, with its one split, "official".

    Everybody is a node; who has no label is context. Of a graph with several kinds of nodes (ogbn-mag), those with
    labels and the edges among them are taken. ogbn-proteins has no features of its own, so a protein's are the means
    of its edges'. Loops are dropped, for a convolution adds its own, and an
    edge stands once. Nothing is cut at a time, see the remarks.
    Raises ValueError for a name that OGB does not know and for a folder that is not whole, NotAvailableError where
    there is none.
    """
    about = _about(name)
    folder = _folder(raw, name, about)
    try:
        graph, labels = _read(folder / "raw", about)
        sides = _sides(folder / "split" / about["split"], about)
    except UNREADABLE as error:
        raise _wrong(folder, f"ogb's reader failed ({type(error).__name__}: {error})") from error
    x, features, edges, weights = _inputs(graph, folder, about["add_inverse_edge"] == "True")
    labels = _labels(labels, len(x), about, folder)
    texts = tuple(_texts(folder, len(x))) if name == "ogbn-arxiv" else ("",) * len(x)
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x),
            features=features,
            texts=texts,
            edges=torch.from_numpy(edges),
            weights=torch.from_numpy(weights),
            directed=about["add_inverse_edge"] != "True",
        ),
        labels=labels,
        task=_task(about),
        target="label of a node",
        text="genuine" if any(texts) else "none",
        replication="fixed",
        splits=named(splits, {"official": _split(sides, len(x), folder)}),
        remarks=(
            "Nodes are not students.",
            "Where the official split goes by time, training still sees the features, texts and edges of later nodes.",
            "Not checkable: whether the raw tables are the official bytes, for OGB publishes no checksums.",
        ),
    )


def _about(name: str) -> dict[str, str]:
    """What the ogb package knows of a dataset; raises ValueError with the names for another."""
    table = importlib.resources.files("ogb") / "nodeproppred" / "master.csv"
    with table.open(encoding="utf-8") as file:
        master = pd.read_csv(file, index_col=0, keep_default_na=False)
    if name not in master:
        raise ValueError(f"OGB has no node-property dataset {name!r}; there are {', '.join(map(str, master))}")
    return {str(key): str(value) for key, value in master[name].items()}


def _folder(raw: Path, name: str, about: dict[str, str]) -> Path:
    """The dataset's folder in the mirror or among the downloads."""
    candidates = [place / name.replace("-", "_") for place in (raw, DOWNLOADS / FOLDER)]
    found = next((folder for folder in candidates if (folder / "raw").is_dir()), None)
    if found is None:
        raise NotAvailableError(
            f"{name} is neither in {' nor in '.join(map(str, candidates))}. Get {about['url']}, unpack it, name the "
            f"folder {candidates[-1]}, and run again."
        )
    release = f"RELEASE_v{about['version']}.txt"
    if not (found / release).is_file():
        raise _wrong(found, f"it has no {release}, so it is not the version that the ogb package expects")
    return found


def _read(raw: Path, about: dict[str, str]) -> tuple[dict[str, Any], np.ndarray]:
    """Graph and labels [N, tasks] by ogb's functions, which neither unpickle nor write anything when called so."""
    from ogb.io import read_graph_raw as ogb

    both_ways = about["add_inverse_edge"] == "True"
    if about["binary"] == "True":
        with np.load(raw / "node-label.npz", allow_pickle=False) as archive:
            return ogb.read_binary_graph_raw(raw, both_ways)[0], archive["node_label"]
    if about["is hetero"] == "True":
        [(kind, labels)] = ogb.read_node_label_hetero(raw).items()
        parts = ogb.read_csv_heterograph_raw(raw, both_ways)[0]
        among = [edges for (head, _, tail), edges in parts["edge_index_dict"].items() if head == tail == kind]
        return {
            "edge_index": np.concatenate(among, axis=1),
            "edge_feat": None,
            "node_feat": parts["node_feat_dict"][kind],
            "num_nodes": parts["num_nodes_dict"][kind],
        }, labels
    return ogb.read_csv_graph_raw(raw, both_ways)[0], pd.read_csv(raw / "node-label.csv.gz", header=None).to_numpy()


def _sides(folder: Path, about: dict[str, str]) -> list[np.ndarray]:
    """Ids that train, validate and are tested."""
    if about["is hetero"] == "True":
        from ogb.io.read_graph_raw import read_nodesplitidx_split_hetero

        return [ids for by_kind in read_nodesplitidx_split_hetero(folder) for ids in by_kind.values()]
    return [pd.read_csv(folder / f"{side}.csv.gz", header=None)[0].to_numpy() for side in SIDES]


def _inputs(
    graph: dict[str, Any], folder: Path, both_ways: bool
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray, np.ndarray]:
    """Features x [N, F] with their names, edges [2, E] without loops, and their weights [E]."""
    n, x, strength = int(graph["num_nodes"]), graph["node_feat"], graph["edge_feat"]
    edges = graph["edge_index"]
    if strength is not None and len(strength) != edges.shape[1]:
        raise _wrong(folder, f"edge-feat has {len(strength)} rows for {edges.shape[1]} edges")
    outside = ((edges < 0) | (edges >= n)).any(0)
    if outside.any():
        raise _wrong(folder, f"edge {outside.argmax()} joins {edges[:, outside][:, 0].tolist()}, of {n} nodes")
    weights = np.ones(edges.shape[1], np.float32) if strength is None else strength.mean(1, dtype=np.float32)
    strange = ~(np.isfinite(weights) & (weights > 0))
    if strange.any():
        first = int(strange.argmax())
        row = first // 2 if both_ways else first  # the way back is put in after each edge
        raise _wrong(folder, f"row {row} (from 0) of edge-feat has the mean {weights[first]}; a weight is above 0")
    if x is None and strength is None:
        raise _wrong(folder, "neither nodes nor edges have features")
    kind = "feature"
    if x is None:
        kind, x = "mean of edge feature", _means(edges[1], strength, n)
    if len(x) != n:
        raise _wrong(folder, f"node-feat has {len(x)} rows for {n} nodes")
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise _wrong(folder, f"row {row}, column {column} (from 0) of node-feat is {x[row, column]}")
    kept = _once(edges, n)
    names = tuple(f"{kind} {i}" for i in range(x.shape[1]))
    return x.astype(np.float32), names, np.ascontiguousarray(edges[:, kept]), weights[kept]


def _once(edges: np.ndarray, n: int) -> np.ndarray:
    """Positions of edges that are no loop, the first of each that is there repeatedly, in their order."""
    first = np.unique(edges[0] * n + edges[1], return_index=True)[1]
    return np.sort(first[edges[0, first] != edges[1, first]])


def _means(ends: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Mean [N, F] of the edges' values at each end; zero for a node without an edge."""
    count = np.bincount(ends, minlength=n).clip(min=1)
    return np.stack([np.bincount(ends, column, n) / count for column in values.T], axis=1)


def _task(about: dict[str, str]) -> Task:
    if about["task type"] == "binary classification":
        return Task("multilabel", tuple(f"label {i}" for i in range(int(about["num tasks"]))))
    return Task("multiclass", tuple(f"class {i}" for i in range(int(about["num classes"]))))


def _labels(labels: np.ndarray, n: int, about: dict[str, str], folder: Path) -> np.ndarray:
    """Labels [N], or [N, K] of a multilabel task, int64; -1 where OGB has none."""
    tasks, classes = int(about["num tasks"]), int(about["num classes"])
    if labels.shape != (n, tasks):
        raise _wrong(folder, f"node-label is {labels.shape}; expected {(n, tasks)}")
    strange = ~(np.isnan(labels) | np.isin(labels, np.arange(classes)))
    if strange.any():
        row = strange.any(1).argmax()
        raise _wrong(
            folder, f"row {row} (from 0) of node-label is {labels[row].tolist()}; classes are 0 to {classes - 1}"
        )
    whole = np.where(np.isnan(labels), -1, labels).astype(np.int64)
    return whole if about["task type"] == "binary classification" else whole[:, 0]


def _split(sides: list[np.ndarray], n: int, folder: Path) -> Split:
    """OGB's split."""
    for side, ids in zip(SIDES, sides, strict=True):
        if ids.dtype.kind not in "iu" or not len(ids) or ids.min() < 0 or ids.max() >= n:
            raise _wrong(folder, f"split: {side} is no list of nodes from 0 to {n - 1}")
    train, validation, test = (np.sort(ids).astype(np.int64) for ids in sides)
    return Split(train, validation, test, hidden=np.array([], np.int64))


def _texts(folder: Path, n: int) -> Iterator[str]:
    """Title and abstract of each paper, "" where the file has none; all "" without a file."""
    file = next((folder / name for name in ("titleabs.tsv", "titleabs.tsv.gz") if (folder / name).is_file()), None)
    if file is None:
        return iter([""] * n)
    mapping = folder / "mapping" / "nodeidx2paperid.csv.gz"
    try:
        papers = pd.read_csv(mapping)["paper id"].astype(str)
        read = gzip.open if file.suffix == ".gz" else open
        with read(file, "rt", encoding="utf-8") as lines:
            # paper, title, abstract; OGB's file is an archive's inside, with some bytes of it before and after
            rows = (line.rstrip("\n").split("\t", 2) for line in lines)
            words = {row[0]: f"{row[1]}. {row[2]}" for row in rows if len(row) == 3 and row[0].isdecimal()}
    except UNREADABLE as error:
        raise ValueError(f"{file} or {mapping} cannot be read ({error}). Get the first again: {TITLES}") from error
    if len(papers) != n or not papers.isin(words.keys()).any():
        raise ValueError(
            f"{file} knows no paper of the {len(papers)} in {mapping}, of {n} nodes. Get it again: {TITLES}"
        )
    return (words.get(paper, "") for paper in papers)


def _wrong(folder: Path, what: str) -> ValueError:
    return ValueError(f"{folder}: {what}. Delete the folder and get it again: {SOURCE}")
