"""Cora with words: made-up files for what they mean, the real ones for their counts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import cora_text
from benchmarks.jobs.source import literal

TEXTS = ("Graphs learn", "Words learn words", "Graphs  learn", "graphs learn", "Trees")
LINES = {
    "data.txt": "\n".join(TEXTS) + "\n",
    "graph.txt": "0\t1\n1\t0\n3\t0\n2\t2\n3\t0\n1\t2\n",
    "group.txt": "0\n6\n\n3\n1",
}


def written(folder: Path, **changes: str) -> Path:
    for name, content in (LINES | {f"{name}.txt": change for name, change in changes.items()}).items():
        (folder / name).write_text(content, encoding="latin-1")
    return folder


def crowd(folder: Path, papers: int = 2100, copies: int = 300) -> Dataset:
    """Many papers, the last `copies` of which repeat the text of the first."""
    texts = [f"paper {i % (papers - copies)}" for i in range(papers)]
    groups = [str(i % (papers - copies) % 7) for i in range(papers)]
    folder.mkdir(exist_ok=True)
    written(folder, data="\n".join(texts) + "\n", group="\n".join(groups))
    return cora_text.make(folder, list("01234"), draw="20-per-class")


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "URLS", "SOURCE"):
        assert literal(cora_text.__name__, name) == getattr(cora_text, name)
    assert set(cora_text.URLS) == set(cora_text.FILES)


def test_graph(tmp_path: Path) -> None:
    dataset = cora_text.make(written(tmp_path), [])
    edges = sorted(dataset.graph.edges.T.tolist())
    assert edges == [[0, 1], [0, 3], [1, 0], [1, 2], [2, 1], [3, 0]], "once a pair, not with oneself, both ways"
    assert not dataset.graph.directed
    assert dataset.graph.texts == TEXTS
    assert dataset.graph.x.expm1().round().tolist() == [[2, 2], [3, 3], [2, 2], [2, 2], [1, 1]]
    assert dataset.text == "genuine"


def test_a_blank_line_is_a_paper_without_a_topic(tmp_path: Path) -> None:
    assert cora_text.make(written(tmp_path), []).labels.tolist() == [0, 6, -1, 3, 1]


def test_a_blank_last_line_counts_too(tmp_path: Path) -> None:
    dataset = cora_text.make(written(tmp_path, group="0\n6\n2\n3\n\n"), [])
    assert dataset.labels.tolist() == [0, 6, 2, 3, -1]


def test_shares(tmp_path: Path) -> None:
    dataset = cora_text.make(written(tmp_path, data="a\nb\nc\nd\ne\n", group="0\n1\n2\n3\n4"), list("01234"))
    for seed, split in dataset.splits.items():
        order = np.random.RandomState(int(seed)).permutation(5)
        assert (split.train.tolist(), split.validation.tolist()) == (sorted(order[:3]), [order[3]])
        assert split.test.tolist() == [order[4]]


def test_few_labels(tmp_path: Path) -> None:
    for split in crowd(tmp_path, copies=0).splits.values():
        assert (len(split.train), len(split.validation), len(split.test)) == (140, 500, 1000)
    for seed, split in crowd(tmp_path, copies=0).splits.items():
        order = np.random.RandomState(int(seed)).permutation(2100)
        assert set(split.train) == {i for topic in range(7) for i in order[order % 7 == topic][:20]}
        rest = [i for i in order if i not in set(split.train)]
        assert (set(split.validation), set(split.test)) == (set(rest[:500]), set(rest[500:1500]))


@pytest.mark.parametrize("draw", cora_text.DRAWS)
def test_papers_with_one_text_stand_on_one_side(tmp_path: Path, draw: str) -> None:
    crowd(tmp_path)
    dataset = cora_text.make(tmp_path, list("01234"), draw=draw)
    texts, together = np.array(dataset.graph.texts), 0
    for split in dataset.splits.values():
        sides = [set(texts[side]) for side in (split.train, split.validation, split.test)]
        assert sum(map(len, sides)) == len(set.union(*sides))
        together += len(split.test) - len(sides[2])
        assert 0 <= len(split.train) - (140 if draw == "20-per-class" else 1260) <= 40, "a group is not cut in two"
    assert together > 0, "there are such papers on the test side"
    assert dataset.persons is not None
    assert dataset.persons[0] == dataset.persons[1800]


def test_unknown_draw_or_split(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no draw '10-per-class'; there are 60-20-20, 20-per-class"):
        cora_text.make(tmp_path, [], draw="10-per-class")
    with pytest.raises(ValueError, match="no split '5'; there are 0, 1, 2, 3, 4"):
        cora_text.make(written(tmp_path), ["5"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("graph", "0\t1\n0\t5\n", r"graph\.txt, row 2: cited is '5'; expected a whole number from 0 to 4"),
        ("graph", "0\t1\n0 1\n", r"graph\.txt is not a whole table .*Row #2: Expected 2 columns, got 1"),
        ("graph", "0\t-1\n", r"graph\.txt, row 1: cited is '-1'; expected"),
        ("graph", "0\t1\n2", r"graph\.txt is not a whole table .*Row #2"),
        ("graph", "", r"graph\.txt is not a whole table .*Empty"),
        ("group", "0\n6\n3\n1", r"group\.txt has 4 lines for the 5 of data\.txt"),
        ("group", "0\n6\n\n3\n7", r"group\.txt, row 5: topic is '7'; expected a whole number from 0 to 6, or nothing"),
        ("group", "0\n6\n\n3\n1.5", r"group\.txt, row 5: topic is '1\.5'"),
        ("data", "caf\u00e9\nb\nc\nd\ne\n", r"data\.txt is not a whole table in UTF-8 .*Row #1"),
    ],
    ids=range(9),
)
def test_bad_files(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cora_text.make(written(tmp_path, **{name: content}), [])


# The real files


def real(draw: str) -> Dataset:
    folder = MIRROR / cora_text.FOLDER
    missing = [name for name in cora_text.FILES if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"the mirror lacks {folder / missing[0]}; set SGN_MIRROR to a folder that holds {folder.name}/")
    found = folder_for(cora_text, {}, MIRROR)
    assert found is not None
    return cora_text.make(found, list("01234"), draw=draw)


@pytest.mark.mirror
def test_counts() -> None:
    dataset = real("60-20-20")
    graph = dataset.graph
    assert (len(graph), graph.edges.shape[1], len(graph) - len(graph.edges.unique())) == (2277, 2 * 4771, 72)
    assert np.bincount(dataset.labels[dataset.labels >= 0]).tolist() == [645, 195, 351, 292, 321, 252, 155]
    isolated = np.setdiff1d(np.arange(2277), graph.edges)
    unlabeled = np.flatnonzero(dataset.labels < 0)
    assert (len(unlabeled), np.isin(unlabeled, isolated).all()) == (66, True)
    ends = dataset.labels[graph.edges.numpy()]
    assert (ends[0] == ends[1])[(ends >= 0).all(0)].mean() == pytest.approx(0.802, abs=5e-4)
    words = np.array([len(text.split()) for text in graph.texts])
    assert (words.mean(), np.median(words), words.min(), words.max()) == (pytest.approx(90.4, abs=0.05), 82, 30, 410)
    assert len(graph) - len(set(graph.texts)) == 15
    assert torch.bincount(graph.edges[0]).max() == 92


@pytest.mark.mirror
@pytest.mark.parametrize(("draw", "sizes"), [("60-20-20", (1326, 442, 443)), ("20-per-class", (140, 500, 1000))])
def test_split_sizes(draw: str, sizes: tuple[int, int, int]) -> None:
    for split in real(draw).splits.values():
        assert (len(split.train), len(split.validation), len(split.test)) == sizes


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("draw", "strength", "alone", "smoothed"), [("60-20-20", 10, 0.8275, 0.8758), ("20-per-class", 100, 0.7104, 0.8294)]
)
def test_text_and_neighbors_tell_the_topic(draw: str, strength: float, alone: float, smoothed: float) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    dataset = real(draw)
    words = TfidfVectorizer(min_df=2, sublinear_tf=True).fit_transform(dataset.graph.texts)
    once = dataset.graph.symmetric @ torch.from_numpy(words.toarray()).float()
    for x, expected in ((words, alone), ((dataset.graph.symmetric @ once).numpy(), smoothed)):
        scores = []
        for split in list(dataset.splits.values())[:2]:
            model = LogisticRegression(C=strength, tol=1e-3).fit(x[split.train], dataset.labels[split.train])
            scores.append(model.score(x[split.test], dataset.labels[split.test]))
        assert np.mean(scores) == pytest.approx(expected, abs=0.06)
