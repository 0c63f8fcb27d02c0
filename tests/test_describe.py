"""What datasets are said to be like: by hand, against slow definitions, and without a word of any student."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import learnable, random_graph

from benchmarks import figure, prepare, table
from benchmarks.analysis.networks import aggregates
from benchmarks.data import describe
from benchmarks.data.describe import DRAWN, description, picture
from benchmarks.data.storage import read_json, save_dataset
from benchmarks.jobs.outcome import Outcome
from sgn.graph import StudentGraph

NOBODY = np.array([], dtype=np.int64)


def network(
    students: int, pairs: list[tuple[int, int]], texts: tuple[str, ...] = (), directed: bool = True
) -> StudentGraph:
    """A graph of these pairs; an undirected one holds them both ways."""
    ends = torch.tensor([*pairs, *([] if directed else [(b, a) for a, b in pairs])]).reshape(-1, 2).T
    x, weights = torch.zeros(students, 1), torch.full((ends.shape[1],), 2.0)
    return StudentGraph(x, ("zero",), texts or ("",) * students, ends, weights, directed)


def test_by_hand() -> None:
    """A path 0-1-2 and a pair 3-4 of two classes; 5 is unlabeled and knows 0, 6 knows nobody."""
    graph = network(7, [(0, 1), (1, 2), (2, 1), (3, 4), (5, 0)], ("a b", "", "c", "", "", "d e f g", ""))
    row = description(graph, np.array([0, 0, 1, 1, 1, -1, 0]), NOBODY, NOBODY)
    assert (row["students"], row["labeled"], row["edges"], row["directed"]) == (7, 6, 5, True)
    assert row["degree"] == pytest.approx(8 / 7), "contacts, whichever way and how often"
    assert row["isolated"] == pytest.approx(1 / 7)
    assert (row["components"], row["largest"]) == (3, pytest.approx(4 / 7))
    assert row["homophily"] == pytest.approx(2 / 3), "0-1 and 3-4, not 1-2; 5 has no label"
    # of the six ends, three are of either class: by chance half of the pairs would be alike
    assert row["adjusted"] == pytest.approx((2 / 3 - 1 / 2) / (1 - 1 / 2))
    assert (row["words"], row["wordless"]) == (2, pytest.approx(4 / 7))
    assert row["majority"] == pytest.approx(1 / 2)
    assert np.isnan(row["repeated"]), "nobody is tested"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("directed", [True, False])
def test_against_slow_definitions(seed: int, directed: bool) -> None:
    graph = random_graph(30, 60, directed, seed)
    labels = np.random.default_rng(seed).integers(-1, 3, 30)
    pairs = {frozenset(pair) for pair in graph.edges.T.tolist()}
    known = [sorted(pair) for pair in pairs if all(labels[i] >= 0 for i in pair)]
    alike = np.mean([labels[a] == labels[b] for a, b in known])
    degrees = [sum(labels[i] == k for pair in known for i in pair) for k in range(3)]
    chance = sum((d / (2 * len(known))) ** 2 for d in degrees)
    reached = {i: {i} for i in range(30)}
    for a, b in pairs:
        joined = reached[a] | reached[b]
        for i in joined:
            reached[i] = joined
    row = description(graph, labels, NOBODY, NOBODY)
    assert row["homophily"] == pytest.approx(alike)
    assert row["adjusted"] == pytest.approx((alike - chance) / (1 - chance))
    assert row["degree"] == pytest.approx(2 * len(pairs) / 30)
    assert row["isolated"] == pytest.approx(np.mean([len(reached[i]) == 1 for i in range(30)]))
    assert row["components"] == len({frozenset(students) for students in reached.values()})
    assert row["largest"] == pytest.approx(max(map(len, reached.values())) / 30)


def test_labels_without_a_contact_or_a_second_class() -> None:
    row = description(network(3, [(0, 1)]), np.array([-1, 0, 1]), NOBODY, NOBODY)
    assert np.isnan(row["homophily"])
    row = description(network(3, [(0, 1)]), np.array([1, 1, 1]), NOBODY, NOBODY)
    assert row["homophily"] == 1
    assert np.isnan(row["adjusted"]), "nothing to compare with"
    several = description(network(3, [(0, 1)]), np.array([[1, 0], [0, -1], [-1, -1]]), NOBODY, NOBODY)
    assert several["labeled"] == 2
    assert np.isnan([several["homophily"], several["majority"]]).all()


WORDS = [f"word{i}" for i in range(20)]


def essay(changed: int, other: str) -> str:
    """A text of many words, some of them changed."""
    return " ".join([*WORDS[changed:], *(f"{other}{i}" for i in range(changed))])


def test_repeated_texts_of_the_worst_split() -> None:
    texts = (essay(0, ""), essay(0, "") + "!", essay(12, "x"), "Entirely other matters", "", essay(0, ""), "", "alone")
    graph, labels = network(8, [(0, 1)], texts), np.zeros(8, int)

    def repeated(*sides: list[int]) -> float:
        return description(graph, labels, *(np.array(side, dtype=np.int64) for side in sides))["repeated"]

    assert repeated([0], [5]) == 1, "the same"
    assert repeated([0], [1]) == 1, "but for a mark"
    assert repeated([0], [2]) == 0, "half of the words"
    assert repeated([0, 4], [1, 3, 6]) == 0.5, "who wrote nothing does not count"
    assert repeated([0], [3], [3], [0], [3, 0], [5, 7]) == 0.5, "the worst of three splits"
    assert np.isnan(repeated([4], [6]))
    assert np.isnan(repeated([4], [5]))


def test_of_many_texts_equal_ones_all_count_and_near_ones_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe, "COMPARED", 10)
    monkeypatch.setattr(describe, "ROWS", 3)
    texts = tuple(f"number {i} {i} {i} {i} {i}" for i in range(50))
    graph = network(150, [(0, 1)], texts + texts + tuple(text + "!" for text in texts))
    labels = np.zeros(150, int)
    same = description(graph, labels, np.arange(50), np.arange(50, 100))["repeated"]
    near = description(graph, labels, np.arange(50), np.arange(100, 150))["repeated"]
    assert same == 1
    assert near < 0.2


def test_a_picture_of_a_small_network_shows_all_who_are_labeled() -> None:
    graph = random_graph(60, 150)
    labels = np.where(np.arange(60) < 40, np.arange(60) % 2, -1)
    nodes, links = picture(graph, labels)
    assert nodes["label"].tolist() == labels[:40].tolist()
    inside = {(min(a, b), max(a, b)) for a, b in graph.edges.T.tolist() if max(a, b) < 40}
    assert set(links.itertuples(index=False, name=None)) == inside


def test_a_picture_of_a_large_network_is_a_connected_part() -> None:
    students = 3 * DRAWN
    ring = [(i, (i + step) % (2 * DRAWN)) for i in range(2 * DRAWN) for step in (1, 7)]
    nodes, links = picture(network(students, ring), np.arange(students) % 3)
    assert len(nodes) == DRAWN
    drawn: nx.Graph[int] = nx.Graph(links.to_numpy().tolist())
    assert nx.is_connected(drawn)
    assert len(drawn) == DRAWN, "who knows nobody in the largest component is left out"
    assert nodes.equals(picture(network(students, ring), np.arange(students) % 3)[0]), "always the same"


def records(folder: Path, remarks: tuple[str, ...] = ()) -> Path:
    """What `score` writes of a described dataset, without runs; texts as in `learnable`, each with a secret."""
    dataset = learnable()
    texts = tuple(f"{text} secret{i} whisper" for i, text in enumerate(dataset.graph.texts))
    dataset = replace(dataset, graph=replace(dataset.graph, texts=texts), remarks=remarks)
    data, sealed = folder / "data", folder / "sealed"
    data.mkdir()
    sealed.mkdir()
    save_dataset(dataset, data, sealed)
    place = folder / "toy"
    place.mkdir()
    (place / "card.json").write_bytes((data / "card.json").read_bytes())
    split = dataset.splits["0"]
    row = description(dataset.graph, dataset.labels, np.concatenate([split.train, split.validation]), split.test)
    pd.DataFrame([{"dataset": "toy", **row}]).to_parquet(place / "description.parquet")
    aggregates("toy", dataset.graph, dataset.labels).to_parquet(place / "network.parquet")
    from benchmarks.score import COLUMNS

    outcome = {"dataset": "toy", "model": "mlp", "variant": "base", **vars(Outcome("ok"))}
    for name in ("runs", "classes", "trials", "outcomes"):
        rows = [outcome] if name == "outcomes" else []
        pd.DataFrame(rows, columns=COLUMNS[name]).to_parquet(place / f"{name}.parquet")
    return place


def test_the_table_shows_what_looks_like_a_leak(tmp_path: Path) -> None:
    place = records(tmp_path, ("a choice.", "suspicious: feature 'x' alone tells a class (ROC-AUC 0.970)"))
    table.run("benchmarks.tables.datasets", [place], ["mlp"], "snakemake", tmp_path / "datasets")
    shown = (tmp_path / "datasets.md").read_text(encoding="utf-8")
    assert "toy: suspicious: feature 'x' alone tells a class (ROC-AUC 0.970)." in shown
    assert "a choice" not in shown


def files_of(folder: Path) -> str:
    """Everything that lies in a folder, as one string."""
    return "\n".join(path.read_bytes().decode("latin-1") for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_record_table_or_picture_holds_a_text(tmp_path: Path) -> None:
    place = records(tmp_path)
    for kind, names in (("tables", ("datasets", "main", "headline")), ("figures", ("networks", "main"))):
        run: Callable[..., None] = table.run if kind == "tables" else figure.run
        for name in names:
            run(f"benchmarks.{kind}.{name}", [place], ["mlp"], "snakemake", tmp_path / "out" / name)
    assert "secret" in files_of(tmp_path / "data"), "the search finds a text where there is one"
    assert "secret" not in files_of(place) + files_of(tmp_path / "out")
    assert "whisper" not in files_of(place) + files_of(tmp_path / "out")


def test_the_log_of_prepare_holds_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The card and the log name features, and single words that many wrote; whose text it is cannot be told."""
    (tmp_path / "data").mkdir()
    (tmp_path / "sealed").mkdir()
    options = {"students": 300, "text_signal": 0.9}
    prepare.run("benchmarks.datasets.synthetic", ["0"], options, tmp_path, tmp_path / "data", tmp_path / "sealed")
    said = capsys.readouterr().out + json.dumps(read_json(tmp_path / "data" / "card.json"))
    from benchmarks.datasets.sentences import LEAVING, NEUTRAL, STEADY, STRUGGLING, THRIVING

    assert not [s for pool in (LEAVING, NEUTRAL, STEADY, STRUGGLING, THRIVING) for s in pool if s in said]
