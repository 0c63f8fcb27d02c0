"""Planetoid: made-up archives for what they mean, the real ones for their counts; and the verb `check-published`."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import MIRROR, learnable

from benchmarks import check_published
from benchmarks.check_published import Protocol, Published, Reference, verdict
from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import planetoid
from benchmarks.jobs.modules import load
from benchmarks.jobs.source import literal

WORDS = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 0], [0, 1, 1, 0]], np.float32)


def archive() -> dict[str, np.ndarray]:
    """Six papers of four words; the second has no word, and the last no topic and no neighbor."""
    rows, columns = WORDS.nonzero()
    return {
        "x_indptr": np.searchsorted(rows, np.arange(7)).astype(np.int64),
        "x_indices": columns.astype(np.int32),
        "x_data": np.ones(len(columns), np.float32),
        "x_shape": np.array(WORDS.shape),
        "y": np.array([0, 6, 2, 3, 4, -1]),
        "edge_index": np.array([[0, 1, 3], [1, 3, 4]]),
        "train_idx": np.array([1, 0]),
        "val_idx": np.array([2]),
        "test_idx": np.array([4, 3]),
    }


def saved(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(folder / "cora.npz", **arrays)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Dataset:
    return planetoid.make(saved(tmp_path, archive()), ["public"], name="cora")


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "SOURCE"):
        assert literal(planetoid.__name__, name) == getattr(planetoid, name)


def test_words_are_divided_by_their_number(small: Dataset) -> None:
    expected = [[0.5, 0, 0.5, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0.25] * 4, [0, 0, 1, 0], [0, 0.5, 0.5, 0]]
    assert small.graph.x.tolist() == expected
    assert (small.graph.x.dtype, small.graph.features[3]) == (torch.float32, "word 3")


def test_edges_go_both_ways(small: Dataset) -> None:
    assert sorted(small.graph.edges.T.tolist()) == [[0, 1], [1, 0], [1, 3], [3, 1], [3, 4], [4, 3]]
    assert not small.graph.directed
    assert small.graph.weights.tolist() == [1] * 6


def test_no_topic_and_no_neighbor_is_context(small: Dataset) -> None:
    assert small.labels.tolist() == [0, 6, 2, 3, 4, -1]
    assert len(small.graph) == 6
    assert (small.text, set(small.graph.texts), small.replication) == ("none", {""}, "fixed")


def test_the_public_split(small: Dataset, tmp_path: Path) -> None:
    split = small.splits["public"]
    sides = (split.train, split.validation, split.test, split.hidden)
    assert [side.tolist() for side in sides] == [[0, 1], [2], [3, 4], []]
    with pytest.raises(ValueError, match="no split '0'; there are public"):
        planetoid.make(tmp_path, ["0"], name="cora")


def test_unknown_graph() -> None:
    with pytest.raises(ValueError, match=r"no graph '\.\./cora'; there are cora, citeseer"):
        planetoid.make(Path(), [], name="../cora")
    assert planetoid.needed("citeseer") == ["citeseer.npz"]


def put(name: str, place: tuple[int, ...], value: float) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[name][place] = value

    return change


def replace(name: str, value: np.ndarray) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda arrays: arrays.update({name: value})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda arrays: arrays.pop("y"), "reading them failed .*y is not a file"),
        (replace("y", np.array([{}] * 6)), "reading them failed .*allow_pickle=False"),
        (put("x_indices", (0,), 4), "x is no sparse matrix"),
        (put("x_indptr", (1,), 99), "x is no sparse matrix"),
        (put("x_data", (2,), 2), r"x\[2, 1\] is 2.0; expected 0 or 1"),
        (put("x_data", (1,), np.nan), r"x\[0, 2\] is nan"),
        (put("y", (2,), 7), r"y\[2\] is 7; expected a topic from 0 to 6, or -1 for none"),
        (replace("y", np.zeros(5, np.int64)), "y has 5 topics for 6 papers"),
        (replace("y", np.zeros(6)), "y is float64"),
        (put("edge_index", (1, 2), 6), r"edge_index\[1, 2\] is 6; expected a paper from 0 to 5"),
        (put("edge_index", (1, 0), 0), r"edge_index.T\[0\] is \[0, 0\]; expected two papers"),
        (
            replace("edge_index", np.array([[0, 0], [1, 1]])),
            r"edge_index.T\[1\] is \[0, 1\]; expected .* each pair once",
        ),
        (put("train_idx", (0,), 6), r"train_idx\[0\] is 6; expected a paper from 0 to 5"),
        (replace("val_idx", np.array([], np.int64)), "val_idx is empty"),
    ],
    ids=range(14),
)
def test_bad_archives(tmp_path: Path, spoil: Callable[[dict[str, np.ndarray]], None], message: str) -> None:
    arrays = archive()
    spoil(arrays)
    with pytest.raises(ValueError, match=rf"cora\.npz: .*{message}"):
        planetoid.make(saved(tmp_path, arrays), ["public"], name="cora")


def test_sides_may_not_overlap(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two sides of a split"):
        planetoid.make(saved(tmp_path, archive() | {"val_idx": np.array([0])}), ["public"], name="cora")


def test_what_is_no_whole_archive(tmp_path: Path) -> None:
    file = saved(tmp_path, archive()) / "cora.npz"
    whole = file.read_bytes()
    for content in (b"", b"no archive" * 10, whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"cora\.npz: "):
            planetoid.make(tmp_path, [], name="cora")
    with zipfile.ZipFile(file, "w") as nothing:
        nothing.writestr("y.txt", "1")
    with pytest.raises(ValueError, match=r"cora\.npz: "):
        planetoid.make(tmp_path, [], name="cora")
    with file.open("wb") as content:
        np.save(content, np.zeros(3))
    with pytest.raises(ValueError, match=r"cora\.npz: "):
        planetoid.make(tmp_path, [], name="cora")


# The real files


def real(name: str) -> Dataset:
    folder = MIRROR / planetoid.FOLDER
    if not (folder / f"{name}.npz").is_file():
        pytest.skip(f"the mirror lacks {folder / name}.npz; set SGN_MIRROR to a folder that holds {planetoid.FOLDER}/")
    found = folder_for(planetoid, {"name": name}, MIRROR)
    assert found is not None
    return planetoid.make(found, ["public"], name=name)


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("name", "papers", "edges", "words", "topics", "isolated", "homophily", "sizes", "tested"),
    [
        (
            "cora",
            2708,
            5278,
            1433,
            [351, 217, 418, 818, 426, 298, 180],
            0,
            0.810,
            (140, 500, 1000),
            [130, 91, 144, 319, 149, 103, 64],
        ),
        (
            "citeseer",
            3327,
            4552,
            3703,
            [249, 590, 668, 701, 596, 508],
            48,
            0.738,
            (120, 500, 1000),
            [77, 182, 181, 231, 169, 160],
        ),
    ],
)
def test_counts(
    name: str,
    papers: int,
    edges: int,
    words: int,
    topics: list[int],
    isolated: int,
    homophily: float,
    sizes: tuple[int, int, int],
    tested: list[int],
) -> None:
    dataset = real(name)
    graph, split = dataset.graph, dataset.splits["public"]
    assert (len(graph), graph.edges.shape[1], graph.num_features) == (papers, 2 * edges, words)
    assert np.bincount(dataset.labels[dataset.labels >= 0]).tolist() == topics
    assert papers - len(graph.edges.unique()) == isolated
    assert (len(split.train), len(split.validation), len(split.test)) == sizes
    assert set(np.bincount(dataset.labels[split.train])) == {20}
    assert np.bincount(dataset.labels[split.test]).tolist() == tested
    ends = dataset.labels[graph.edges.numpy()]
    known = (ends >= 0).all(0)
    assert (ends[0] == ends[1])[known].mean() == pytest.approx(homophily, abs=5e-4)


@pytest.mark.mirror
def test_papers_of_unknown_topic_have_no_words_and_are_cited() -> None:
    dataset = real("citeseer")
    unknown = torch.from_numpy(np.flatnonzero(dataset.labels < 0))
    assert len(unknown) == 15
    assert not dataset.graph.x[unknown].any()
    assert torch.isin(dataset.graph.edges[0], unknown).sum() == 16


@pytest.mark.mirror
@pytest.mark.parametrize(("name", "words", "smoothed"), [("cora", 0.606, 0.803), ("citeseer", 0.614, 0.720)])
def test_neighbors_tell_the_topic(name: str, words: float, smoothed: float) -> None:
    from sklearn.linear_model import LogisticRegression

    dataset = real(name)
    graph, split = dataset.graph, dataset.splits["public"]
    for x, expected in ((graph.x, words), (graph.symmetric @ (graph.symmetric @ graph.x), smoothed)):
        model = LogisticRegression(C=1000).fit(x[split.train], dataset.labels[split.train])
        assert model.score(x[split.test], dataset.labels[split.test]) == pytest.approx(expected, abs=0.04)


# Published numbers


@pytest.mark.parametrize(
    ("scores", "published", "expected"),
    [
        ([80, 81, 82], 81.5, "reproduced"),
        ([80, 81, 82], 82.65, "reproduced"),  # 81 + 2 * 1 / sqrt(3) + 0.5 = 82.6547
        ([80, 81, 82], 82.66, "falls short"),
        ([80, 81, 82], 79.35, "reproduced"),
        ([80, 81, 82], 79.34, "better"),
        ([81, 81, 81], 81.5, "reproduced"),
        ([70, 90], 81.5, "too few runs"),
        ([], 81.5, "too few runs"),
    ],
)
def test_verdict(scores: list[float], published: float, expected: str) -> None:
    assert verdict(scores, published) == expected


def test_references_name_what_exists() -> None:
    assert {reference.dataset for reference in check_published.REFERENCES} == set(check_published.PROTOCOLS)
    for reference in check_published.REFERENCES:
        load(reference.model).Config(**reference.config)
        assert all(0 < published.mean < 100 and published.source for published in reference.published)


def test_published_numbers() -> None:
    found = {(r.dataset, p.model): (p.mean, p.deviation) for r in check_published.REFERENCES for p in r.published}
    assert found == {
        ("cora", "MLP"): (55.1, None),
        ("cora", "GCN"): (81.5, None),
        ("citeseer", "MLP"): (46.5, None),
        ("citeseer", "GCN"): (70.3, None),
        ("tolokers", "ResNet"): (72.95, 1.06),
        ("tolokers", "GCN"): (83.64, 0.67),
        ("tolokers", "GAT"): (83.70, 0.47),
    }


def compared(folder: Path, monkeypatch: pytest.MonkeyPatch, make: str, runs: int) -> tuple[pd.DataFrame, str]:
    """What the verb writes of two rows on a made-up dataset whose file has the line `make`."""
    file = folder / "made_up.py"
    head = "from benchmarks.jobs.outcome import NotAvailableError\nfrom conftest import learnable\n\n"
    file.write_text(f"{head}def make(raw, splits):\n    {make}\n", encoding="utf-8")
    paper = Published("GCN", 99.0, 1.0, "a paper")
    rows = [Reference("made-up", "baselines.gcn", config, 3, 3, (paper,)) for config in ({}, check_published.BARE)]
    monkeypatch.setattr(check_published, "PROTOCOLS", {"made-up": Protocol(str(file), {}, ("0", "1"))})
    monkeypatch.setattr(check_published, "REFERENCES", tuple(rows))
    check_published.run(folder / "mirror", folder / "cache", folder, ["made-up"], runs)
    return pd.read_csv(folder / "published.csv"), (folder / "published.md").read_text(encoding="utf-8")


def test_the_verb_compares_and_keeps_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, cache = "return learnable('multiclass', 60)", tmp_path / "cache" / "published"
    frame, table = compared(tmp_path, monkeypatch, make, runs=3)
    assert frame["label"].tolist() == ["our GCN", "our GCN, no scaffold"]
    assert frame["runs"].tolist() == [3, 3]
    assert frame["mean"].between(0, 100).all()
    assert "| made-up | accuracy | GCN | 99.00 ± 1.00 | our GCN |" in table
    assert check_published.RULE in table
    assert "commit" in json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    kept = {file: file.stat().st_mtime_ns for file in cache.glob("*/arrays.npz")}
    assert len(kept) == 6, "two splits take turns, with a seed of its own each time"
    frame, _ = compared(tmp_path, monkeypatch, make, runs=4)
    assert frame["runs"].tolist() == [4, 4]
    assert len(list(cache.glob("*/arrays.npz"))) == 8
    assert {file: file.stat().st_mtime_ns for file in kept} == kept


def test_the_verb_says_what_is_not_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, table = compared(tmp_path, monkeypatch, "raise NotAvailableError('get it there')", runs=3)
    assert frame["verdict"].tolist() == ["not available: get it there"] * 2
    assert "\N{EN DASH} | 0 | not available: get it there |" in table


def test_the_verb_refuses_an_unknown_dataset(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no reference dataset 'pubmed'; there are cora, citeseer, tolokers"):
        check_published.run(tmp_path, tmp_path, tmp_path, ["cora", "pubmed"])


def test_training_sees_no_test_label() -> None:
    dataset = learnable("multiclass", 60)
    split = dataset.splits["0"]
    view = check_published._view(dataset, split)
    assert (view.labels[torch.from_numpy(split.test)] == -1).all()
    assert torch.equal(view.labels[view.train], torch.from_numpy(dataset.labels[split.train]))
