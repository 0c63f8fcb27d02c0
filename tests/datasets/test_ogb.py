"""OGB: small made-up folders in its layout, for no official one can be had in a test."""

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.analysis.metrics import scores
from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import ogb
from benchmarks.jobs.outcome import NotAvailableError
from benchmarks.jobs.source import literal

from ogb.nodeproppred import Evaluator, NodePropPredDataset  # isort: skip  # after ours: else it asks the network

NODES, EDGES = 8, [(0, 1), (1, 2), (2, 2), (3, 0), (4, 5), (1, 0)]  # 6 and 7 are isolated, 2 cites itself
SPLIT = {"train": [3, 0, 1], "valid": [2, 4], "test": [5, 6, 7]}
FEATURES = np.arange(NODES * 3).reshape(NODES, 3) / 8


def csv(file: Path, rows: Any, header: str = "") -> None:
    """A gzipped CSV file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(str, np.atleast_1d(row))) for row in rows]
    file.write_bytes(gzip.compress("\n".join([*([header] if header else []), *lines, ""]).encode()))


def arxiv(root: Path) -> Path:
    """A made-up ogbn-arxiv."""
    folder = root / "ogbn_arxiv"
    csv(folder / "raw" / "edge.csv.gz", EDGES)
    csv(folder / "raw" / "num-node-list.csv.gz", [NODES])
    csv(folder / "raw" / "num-edge-list.csv.gz", [len(EDGES)])
    csv(folder / "raw" / "node-feat.csv.gz", FEATURES)
    csv(folder / "raw" / "node_year.csv.gz", [2017] * NODES)
    csv(folder / "raw" / "node-label.csv.gz", [4, 16, 3, 0, 39, 4, 5, 6])
    for side, ids in SPLIT.items():
        csv(folder / "split" / "time" / f"{side}.csv.gz", ids)
    csv(folder / "mapping" / "nodeidx2paperid.csv.gz", [(i, 100 + i) for i in range(NODES)], "node idx,paper id")
    (folder / "RELEASE_v1.txt").touch()
    return root


def edges(dataset: Dataset) -> list[tuple[int, int]]:
    return [(a, b) for a, b in dataset.graph.edges.T.tolist()]


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "SOURCE"):
        assert literal(ogb.__name__, name) == getattr(ogb, name)
    assert ogb.FILES == {}, "a checksum that OGB did not publish would be invented"


def test_arxiv(tmp_path: Path) -> None:
    folder = folder_for(ogb, {}, arxiv(tmp_path / "ogb").parent)
    assert folder is not None
    dataset = ogb.make(folder, ["official"])
    assert edges(dataset) == [(0, 1), (1, 2), (3, 0), (4, 5), (1, 0)], "as they cite, without loops"
    assert dataset.graph.directed
    np.testing.assert_array_equal(dataset.graph.x, FEATURES.astype(np.float32))
    assert dataset.labels.tolist() == [4, 16, 3, 0, 39, 4, 5, 6]
    assert dataset.labels.dtype == np.int64
    assert (dataset.task.kind, len(dataset.task.classes), dataset.replication) == ("multiclass", 40, "fixed")
    split = dataset.splits["official"]
    assert [s.tolist() for s in (split.train, split.validation, split.test)] == [[0, 1, 3], [2, 4], [5, 6, 7]]
    assert (dataset.text, set(dataset.graph.texts)) == ("none", {""})
    with pytest.raises(ValueError, match="no split '0'; there are official"):
        ogb.make(folder, ["0"])


def test_the_raw_folder_stays_as_it_is(tmp_path: Path) -> None:
    before = {path: path.is_file() and path.read_bytes() for path in arxiv(tmp_path).rglob("*")}
    ogb.make(tmp_path, [])
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


class Trap:
    """Whoever unpickles this has run a stranger's code."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, ("raise SystemExit('a pickle was opened')",)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    folder = arxiv(tmp_path) / "ogbn_arxiv"
    expected = ogb.make(tmp_path, ["official"])
    (folder / "processed").mkdir()
    for file in (folder / "processed" / "data_processed", folder / "split" / "time" / "split_dict.pt"):
        file.write_bytes(pickle.dumps(Trap()))
    dataset = ogb.make(tmp_path, ["official"])
    assert torch.equal(dataset.graph.edges, expected.graph.edges)
    np.savez(folder / "raw" / "data.npz", edge_index=np.array([Trap()], object))
    assert len(ogb.make(tmp_path, []).graph) == NODES


@pytest.mark.parametrize("name", ["ogbn-arxiv", "ogbn-proteins", "ogbn-mag"])
def test_equals_what_the_official_class_reads(name: str, tmp_path: Path) -> None:
    {"ogbn-arxiv": arxiv, "ogbn-proteins": proteins, "ogbn-mag": mag}[name](tmp_path)
    dataset = ogb.make(tmp_path, ["official"], name)
    (tmp_path / name.replace("-", "_") / "processed").mkdir()
    theirs = NodePropPredDataset(name, root=str(tmp_path))
    (graph, labels), split = theirs[0], theirs.get_idx_split()
    if name == "ogbn-mag":
        graph = {"edge_index": graph["edge_index_dict"]["paper", "cites", "paper"], **graph}
        labels, split = labels["paper"], {side: ids["paper"] for side, ids in split.items()}
    pairs = [(a, b) for a, b in graph["edge_index"].T.tolist() if a != b]
    assert edges(dataset) == list(dict.fromkeys(pairs)), "in their order, each once"
    np.testing.assert_array_equal(dataset.labels.reshape(labels.shape), labels)
    own = dataset.splits["official"]
    for ours, side in zip((own.train, own.validation, own.test), ogb.SIDES, strict=True):
        assert ours.tolist() == sorted(split[side])


# Scores


@pytest.mark.parametrize("name", ["ogbn-arxiv", "ogbn-products", "ogbn-mag", "ogbn-papers100M"])
def test_our_accuracy_is_that_of_the_evaluator(name: str) -> None:
    task = ogb._task(ogb._about(name))
    rng = np.random.default_rng(0)
    labels = rng.integers(len(task.classes), size=3000)
    chances = rng.random((3000, len(task.classes))) + (np.arange(len(task.classes)) == labels[:, None]) * 0.5
    theirs = Evaluator(name).eval({"y_true": labels[:, None], "y_pred": chances.argmax(1)[:, None]})["acc"]
    assert 0.1 < theirs < 0.9
    assert scores(labels, chances)[task.metric] == pytest.approx(theirs, abs=1e-12)
    assert task.score(torch.from_numpy(chances), torch.from_numpy(labels)) == pytest.approx(theirs, abs=1e-12)


def test_our_roc_auc_is_that_of_the_evaluator() -> None:
    task = ogb._task(ogb._about("ogbn-proteins"))
    rng = np.random.default_rng(0)
    labels = (rng.random((500, 112)) < rng.random(112) * 0.8 + 0.1).astype(np.int64)
    chances = np.round(rng.random((500, 112)) + 0.5 * labels, 2)  # with ties
    theirs = Evaluator("ogbn-proteins").eval({"y_true": labels, "y_pred": chances})["rocauc"]
    assert 0.6 < theirs < 0.95
    assert scores(labels, chances)[task.metric] == pytest.approx(theirs, abs=1e-12)
    assert task.score(torch.from_numpy(chances), torch.from_numpy(labels)) == pytest.approx(theirs, abs=1e-12)


# Text


def titles(folder: Path, content: bytes, name: str = "titleabs.tsv") -> None:
    (folder / "ogbn_arxiv" / name).write_bytes(content)


def test_text_is_there_when_the_user_has_it(tmp_path: Path) -> None:
    # as OGB ships it: a piece of an archive before and after, quotation marks that close nowhere
    rows = [
        "titleabs.tsv\0\0\0107\tLost\tfirst line",
        '100\tA "title\tWe study.',
        "101\tB\tTabs\tinside",
        "555\tC\tNobody's",
    ]
    content = "\n".join([*rows, "102\tno abstract", "\0\0\0"]).encode()
    titles(arxiv(tmp_path), content)
    dataset = ogb.make(tmp_path, ["official"])
    assert dataset.text == "genuine"
    assert dataset.graph.texts == ('A "title. We study.', "B. Tabs\tinside", *[""] * 6)
    (tmp_path / "ogbn_arxiv" / "titleabs.tsv").unlink()
    titles(tmp_path, gzip.compress(content), "titleabs.tsv.gz")
    assert ogb.make(tmp_path, []).graph.texts == dataset.graph.texts


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"1\tA\tB\n", "titleabs.tsv"),
        (b"", "titleabs.tsv"),
        (b"\xff\xfe", "titleabs.tsv"),
        (b"100\tA", "titleabs.tsv.gz"),
    ],
    ids=["foreign", "empty", "not UTF-8", "not gzip"],
)
def test_bad_titles(tmp_path: Path, content: bytes, name: str) -> None:
    titles(arxiv(tmp_path), content, name)
    with pytest.raises(ValueError, match=r"titleabs\.tsv.*Get (it|the first) again: https"):
        ogb.make(tmp_path, [])


# The other layouts


def proteins(root: Path) -> Path:
    """A made-up ogbn-proteins: edges have features, nodes have none, and 112 questions are asked."""
    folder = arxiv(root) / "ogbn_arxiv"
    folder = folder.rename(root / "ogbn_proteins")
    (folder / "raw" / "node-feat.csv.gz").unlink()
    (folder / "split" / "time").rename(folder / "split" / "species")
    csv(folder / "raw" / "edge-feat.csv.gz", (np.arange(len(EDGES) * 2).reshape(-1, 2) + 1) / 16)
    csv(folder / "raw" / "node_species.csv.gz", [9606] * NODES)
    csv(folder / "raw" / "node-label.csv.gz", np.arange(NODES * 112).reshape(NODES, 112) % 2)
    return root


@pytest.mark.parametrize("value", ["nan", -9])
def test_a_bad_weight_is_refused(tmp_path: Path, value: object) -> None:
    folder = proteins(tmp_path) / "ogbn_proteins"
    csv(folder / "raw" / "edge-feat.csv.gz", [(1, value) if row == 3 else (1, 2) for row in range(len(EDGES))])
    with pytest.raises(ValueError, match=r"ogbn_proteins: row 3 \(from 0\) of edge-feat has the mean (nan|-4)"):
        ogb.make(tmp_path, ["official"], name="ogbn-proteins")


def test_proteins_take_features_from_their_edges(tmp_path: Path) -> None:
    dataset = ogb.make(proteins(tmp_path), ["official"], name="ogbn-proteins")
    assert edges(dataset)[:4] == [(0, 1), (1, 0), (1, 2), (2, 1)], "both ways"
    assert not dataset.graph.directed
    assert dataset.graph.weights[:4].tolist() == [1.5 / 16, 1.5 / 16, 3.5 / 16, 3.5 / 16]
    assert dataset.graph.x[4].tolist() == [9 / 16, 10 / 16], "its one edge's"
    assert dataset.graph.x[0].tolist() == pytest.approx([19 / 48, 22 / 48]), "the mean of three"
    assert dataset.graph.x[7].tolist() == [0, 0]
    assert (dataset.task.kind, dataset.labels.shape, dataset.task.num_outputs) == ("multilabel", (NODES, 112), 112)


def mag(root: Path) -> Path:
    """A made-up ogbn-mag: authors beside papers, and papers alone have features, labels and a split."""
    folder = root / "ogbn_mag"
    raw, papers = folder / "raw", folder / "split" / "time" / "paper"
    csv(raw / "num-node-dict.csv.gz", [(3, NODES)], "author,paper")
    csv(raw / "triplet-type-list.csv.gz", [("author", "writes", "paper"), ("paper", "cites", "paper")])
    for name, pairs in (("author___writes___paper", [(0, 7), (2, 1)]), ("paper___cites___paper", EDGES)):
        csv(raw / "relations" / name / "edge.csv.gz", pairs)
        csv(raw / "relations" / name / "num-edge-list.csv.gz", [len(pairs)])
        csv(raw / "relations" / name / "edge_reltype.csv.gz", [0] * len(pairs))
    csv(raw / "node-feat" / "paper" / "node-feat.csv.gz", FEATURES)
    csv(raw / "node-feat" / "paper" / "node_year.csv.gz", [2017] * NODES)
    csv(raw / "nodetype-has-label.csv.gz", [(False, True)], "author,paper")
    csv(raw / "node-label" / "paper" / "node-label.csv.gz", range(NODES))
    csv(folder / "split" / "time" / "nodetype-has-split.csv.gz", [(False, True)], "author,paper")
    for side, ids in SPLIT.items():
        csv(papers / f"{side}.csv.gz", ids)
    (folder / "RELEASE_v2.txt").touch()
    return root


def test_mag_is_its_papers_and_who_they_cite(tmp_path: Path) -> None:
    dataset = ogb.make(mag(tmp_path), ["official"], name="ogbn-mag")
    assert (len(dataset.graph), edges(dataset)[0], len(edges(dataset))) == (NODES, (0, 1), 5)
    assert dataset.labels.tolist() == list(range(NODES))
    assert dataset.splits["official"].train.tolist() == [0, 1, 3]


def papers(root: Path, feature: Any = FEATURES) -> Path:
    """A made-up ogbn-papers100M: arrays, and most papers without a label."""
    folder = arxiv(root) / "ogbn_arxiv"
    folder = folder.rename(root / "ogbn_papers100M")
    numbers = {"edge_index": np.array(EDGES).T, "num_nodes_list": [NODES], "num_edges_list": [len(EDGES)]}
    np.savez(folder / "raw" / "data.npz", **numbers, node_feat=feature, node_year=np.full((NODES, 1), 2017))
    np.savez(folder / "raw" / "node-label.npz", node_label=np.array([[4], [1], [3], [0], [9], [4], [5], [np.nan]]))
    for side, ids in {**SPLIT, "test": [5, 6]}.items():
        csv(folder / "split" / "time" / f"{side}.csv.gz", ids)
    return root


def test_papers_without_a_label_are_context(tmp_path: Path) -> None:
    dataset = ogb.make(papers(tmp_path), ["official"], name="ogbn-papers100M")
    assert dataset.labels.tolist() == [4, 1, 3, 0, 9, 4, 5, -1]
    assert len(edges(dataset)) == 5


def test_arrays_may_hold_no_pickle(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ogb's reader failed.*allow_pickle"):
        ogb.make(papers(tmp_path, np.array([Trap()] * NODES, object)), [], name="ogbn-papers100M")


# Bad input


def test_unknown_name() -> None:
    with pytest.raises(
        ValueError, match="no node-property dataset 'ogbn-cora'; there are ogbn-proteins, ogbn-products"
    ):
        ogb.make(Path(), [], name="ogbn-cora")


def test_absent_folder_says_what_to_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        NotAvailableError, match=r"Get http://snap.*arxiv\.zip, unpack it, name the folder data/ogb/ogbn_arx"
    ):
        ogb.make(tmp_path / "mirror", [])
    arxiv(tmp_path / "data" / "ogb")
    assert len(ogb.make(tmp_path / "mirror", []).graph) == NODES


def change(name: str, rows: Any) -> Callable[[Path], None]:
    return lambda folder: csv(folder / name, rows)


def truncate(folder: Path) -> None:
    file = folder / "raw" / "edge.csv.gz"
    file.write_bytes(file.read_bytes()[:-12])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "RELEASE_v1.txt").unlink(), r"no RELEASE_v1\.txt, so it is not the version"),
        (lambda folder: (folder / "raw" / "edge.csv.gz").unlink(), "reader failed .*No necessary file"),
        (lambda folder: (folder / "split" / "time" / "valid.csv.gz").unlink(), r"reader failed .*valid\.csv\.gz"),
        (truncate, "ogb's reader failed"),
        (lambda folder: (folder / "raw" / "edge.csv.gz").write_bytes(b"0,1"), "ogb's reader failed .*gzip"),
        (change("raw/edge.csv.gz", [*EDGES[:-1], (8, 0)]), r"edge 5 joins \[8, 0\], of 8 nodes"),
        (change("raw/edge.csv.gz", [*EDGES[:-1], ("a", 0)]), "reader failed .*'a'"),
        (change("raw/node-feat.csv.gz", FEATURES[:5]), "node-feat has 5 rows for 8 nodes"),
        (change("raw/node-feat.csv.gz", [*FEATURES[:7], (1, "nan", 2)]), "row 7, column 1 .* of node-feat is nan"),
        (lambda folder: (folder / "raw" / "node-feat.csv.gz").unlink(), "neither nodes nor edges have features"),
        (change("raw/edge-feat.csv.gz", [0.5]), "edge-feat has 1 rows for 6 edges"),
        (change("raw/node-label.csv.gz", [0] * 7), r"node-label is \(7, 1\); expected \(8, 1\)"),
        (change("raw/node-label.csv.gz", [0] * 7 + [40]), r"row 7 .* of node-label is \[40\]; classes are 0 to 39"),
        (change("raw/node-label.csv.gz", [0.5] + [0] * 7), r"row 0 .* is \[0\.5\]"),
        (change("split/time/train.csv.gz", [0, 8]), "train is no list of nodes from 0 to 7"),
        (change("split/time/train.csv.gz", ["x"]), "train is no list of nodes"),
    ],
    ids=range(16),
)
def test_bad_folders(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(arxiv(tmp_path) / "ogbn_arxiv")
    with pytest.raises(ValueError, match=f"ogbn_arxiv: .*{message}.*Delete the folder and get it again: https"):
        ogb.make(tmp_path, ["official"])


def test_sides_may_not_overlap(tmp_path: Path) -> None:
    csv(arxiv(tmp_path) / "ogbn_arxiv" / "split" / "time" / "valid.csv.gz", [0])
    with pytest.raises(ValueError, match="two sides of a split"):
        ogb.make(tmp_path, ["official"])
