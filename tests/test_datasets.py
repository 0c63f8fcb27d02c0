"""What holds for every dataset file; what each of them means is tested in tests/datasets/."""

import builtins
import hashlib
import inspect
import re
from collections.abc import Callable
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, learnable

from benchmarks import prepare
from benchmarks.data.dataset import REPLICATIONS, TEXTS, Dataset, Split, check_classes, random_split
from benchmarks.data.storage import load_graph, read_json
from benchmarks.data.tables import Column
from benchmarks.datasets import synthetic
from benchmarks.jobs.modules import load
from benchmarks.jobs.source import literal
from benchmarks.planning.config import LITERALS
from sgn.graph import StudentGraph
from sgn.task import KINDS, Task

MODULES = [f"benchmarks.datasets.{file.stem}" for file in sorted((ROOT / "benchmarks/datasets").glob("[!_]*.py"))]
RAW = [name for name in MODULES if literal(name, "FOLDER") is not None]


@pytest.mark.parametrize("name", RAW)
def test_what_planning_reads_is_literal(name: str) -> None:
    module = import_module(name)
    for what in ("FOLDER", "FILES", "URLS", "SOURCE"):
        assert literal(name, what) == getattr(module, what, None)
    assert literal(name, "TEXT") == (False if getattr(module, "TEXT", None) is False else None)
    assert all(re.fullmatch("[0-9a-f]{64}|", sha256) for sha256 in module.FILES.values()), "nothing where none is known"
    assert set(getattr(module, "URLS", {})) <= set(module.FILES)


@pytest.mark.parametrize("name", MODULES)
def test_remarks_hold_whatever_the_cutoff(name: str) -> None:
    """They stand on the card of every entry of a file, so what was counted at one cut-off belongs into its document."""
    counts = re.findall(r"\d,\d{3}|\d+ of \d", " ".join(getattr(import_module(name), "REMARKS", ())))
    assert not counts


def test_a_dataset_that_denies_its_texts_is_refused(tmp_path: Path) -> None:
    code = "from conftest import learnable\nTEXT = False\ndef make(raw, splits): return learnable(students=60)\n"
    (tmp_path / "made_up.py").write_text(code, encoding="utf-8")
    with pytest.raises(ValueError, match="says TEXT = False, and 60 students have one"):
        prepare.run(str(tmp_path / "made_up.py"), ["0"], {}, tmp_path, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("kind", "side", "value", "word"),
    [
        ("binary", "test", 1, "yes"),
        ("binary", "validation", 0, "no"),
        ("binary", "train", 1, "yes"),
        ("multilabel", "test", 1, "b: yes"),
        ("multilabel", "validation", 0, "b: no"),
    ],
)
def test_a_side_that_lacks_a_class_is_refused_by_name(
    tmp_path: Path, kind: str, side: str, value: int, word: str
) -> None:
    (tmp_path / "made_up.py").write_text(
        "from dataclasses import replace\nfrom conftest import learnable\n"
        "def make(raw, splits, column):\n"
        f"    data = learnable({kind!r}, students=60)\n"
        f"    labels, side = data.labels.copy(), data.splits['1'].{side}\n"
        f"    labels[(side, column) if labels.ndim == 2 else side] = {1 - value}\n"
        "    return replace(data, labels=labels, splits={name: data.splits[name] for name in splits})\n",
        encoding="utf-8",
    )
    size = {"train": 30, "validation": 15, "test": 15}[side]
    metric = f"made_up.py: split '1': none of the {size} {side} students has the label '{word}', and roc_auc means"
    with pytest.raises(ValueError, match=metric):
        prepare.run(str(tmp_path / "made_up.py"), ["1"], {"column": 1}, tmp_path, tmp_path, tmp_path)


def test_with_several_classes_one_may_be_missing_on_a_side_but_not_all_others() -> None:
    data = learnable("multiclass", students=60)
    test, labels = data.splits["0"].test, data.labels.copy()
    labels[test] = labels[test] % 2
    check_classes(replace(data, labels=labels))
    labels[test] = 1
    with pytest.raises(
        ValueError, match=r"split '0': none of the 15 test students has the label 'a', and accuracy.*where it is not"
    ):
        check_classes(replace(data, labels=labels))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((9, 2), np.int64), r"labels are int64 of shape \(9, 2\): give one whole number a student"),
        (np.array(["s1", "s2", "s3"]), "labels are <U2 of shape"),
        (np.array([0.0, 1.0, -1.0]), "labels are float64 of shape"),
    ],
    ids=["several questions", "ids", "floats"],
)
def test_a_random_split_refuses_what_are_no_labels(labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_split(labels, 0, 0.5, 0.25)


@pytest.mark.parametrize("seed", range(3))
def test_a_random_split_has_each_class_in_proportion_and_goes_by_its_name(seed: int) -> None:
    labels = np.random.default_rng(5).permutation(np.repeat([-1, 0, 1, 2], [40, 12, 48, 200]))
    split = random_split(labels, seed, 0.5, 0.25)
    sides = [split.train, split.validation, split.test]
    assert [len(ids) for ids in sides] == [130, 65, 65]
    assert not len(split.hidden)
    counts = np.array([np.bincount(labels[ids], minlength=3) for ids in sides])  # refuses the unlabeled
    assert np.abs(counts - np.outer([0.5, 0.25, 0.25], [12, 48, 200])).max() < 1.5
    again, other = random_split(labels, seed, 0.5, 0.25), random_split(labels, seed + 1, 0.5, 0.25)
    assert np.array_equal(again.test, split.test)
    assert not np.array_equal(other.test, split.test)


def test_a_class_of_one_is_on_one_side_and_any_of_them() -> None:
    labels = np.array([0] * 9 + [1])
    splits = [random_split(labels, seed, 0.4, 0.3) for seed in range(20)]
    holding = {side for split in splits for side in ("train", "validation", "test") if 9 in getattr(split, side)}
    assert holding == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: {"labels": d.labels.astype(bool)}, "labels are bool: make them whole numbers"),
        (lambda d: {"labels": d.labels.astype(float)}, "labels are float64: make them"),
        (lambda d: {"labels": d.labels.astype(np.int32)}, "labels are int32: make them"),
        (lambda d: {"labels": np.where(np.arange(60) == 7, -2, d.labels)}, "student 7 has the label -2"),
        (lambda d: {"graph": with_text(d, None)}, "the text of student 3 is None"),
        (lambda d: {"graph": with_text(d, "a\ud800b")}, "the text of student 3 has half a character .* at place 1"),
        (lambda d: {"labels": np.where(np.arange(60) == d.splits["0"].test[0], -1, d.labels)}, "of its test side has"),
    ],
)
def test_what_would_fail_later_is_refused_by_student(change: Callable[[Dataset], dict], message: str) -> None:
    data = learnable(students=60)
    with pytest.raises(ValueError, match=message):
        replace(data, **change(data))


@pytest.mark.parametrize("side", ["train", "validation", "test"])
def test_an_empty_side_is_refused_by_name(side: str) -> None:
    data = learnable(students=60)
    empty = replace(data.splits["0"], **{side: np.array([], np.int64)})
    with pytest.raises(ValueError, match=f"split '0' has no {side} students"):
        check_classes(replace(data, splits={"0": empty}))


def with_text(data: Dataset, text: str | None) -> StudentGraph:
    return replace(data.graph, texts=(*data.graph.texts[:3], text, *data.graph.texts[4:]))


def test_loops_and_repeated_edges_are_mended_by_prepare_and_stand_on_the_card(tmp_path: Path) -> None:
    code = (
        "import torch\nfrom dataclasses import replace\nfrom conftest import learnable\n"
        "def make(raw, splits):\n"
        "    data = learnable(students=60)\n"
        "    graph = data.graph\n"
        "    edges = torch.cat([graph.edges, graph.edges[:, :4], torch.tensor([[5], [5]])], dim=1)\n"
        "    weights = torch.cat([graph.weights, graph.weights[:4], torch.ones(1)])\n"
        "    return replace(data, graph=replace(graph, edges=edges, weights=weights))\n"
    )
    (tmp_path / "made_up.py").write_text(code, encoding="utf-8")
    prepare.run(str(tmp_path / "made_up.py"), ["0"], {}, tmp_path, tmp_path, tmp_path)
    graph, card = load_graph(tmp_path), read_json(tmp_path / "card.json")
    assert graph.edges.shape[1] == card["edges"] == learnable(students=60).graph.edges.shape[1]
    assert any(line.startswith("4 repeated edges") for line in card["remarks"])
    assert any(line.startswith("1 edges of students with themselves") for line in card["remarks"])


def export(folder: Path, students: list[tuple], posts: list[tuple]) -> Path:
    """An export of a learning platform as two CSV files."""
    pd.DataFrame(students, columns=["student", "dropped_on"]).to_csv(folder / "students.csv", index=False)
    pd.DataFrame(posts, columns=["student", "answers", "day", "text"]).to_csv(folder / "posts.csv", index=False)
    return folder


def test_the_example_takes_ids_and_texts_as_they_stand(tmp_path: Path) -> None:
    """Long ids beside a blank, an id with zeros in front, a post that says NA and one that says nothing."""
    names = [str(10**17 + i) for i in range(20)] + ["007", "7"]
    students = [(name, 40 if i % 2 else "") for i, name in enumerate(names)]
    posts = [(names[i], names[i + 1], i, ["NA", "", "null"][i % 3]) for i in range(21)]
    posts += [("7", "", 22, "to all"), ("nobody", "7", 1, "hello")]
    module = load("examples/my_dataset.py")
    data = module.make(export(tmp_path, students, posts), ["0"])
    assert data.graph.edges.shape[1] == 21
    assert data.graph.texts[:3] == ("NA", "", "null")
    assert data.graph.texts[-1] == "to all"
    assert data.remarks == ("1 posts are by, or answer, somebody who is not in students.csv.",)


@pytest.mark.parametrize(
    ("students", "posts", "message"),
    [
        ([("a", ""), ("a", 3)], [], "students.csv, row 3: student is 'a'; expected each once"),
        ([("", "")], [], "students.csv, row 2: student is ''; expected a text"),
        ([("a", "soon")], [], "students.csv, row 2: dropped_on is 'soon'; expected a number, or nothing"),
        ([("a", "")], [("a", "", "", "x")], "posts.csv, row 2: day is ''; expected a whole number"),
        ([("a", "")], [("a", "", 1, "x"), ("a", "", "1st", "y")], "posts.csv, row 3: day is '1st'; expected"),
    ],
)
def test_the_example_says_where_a_table_is_wrong(
    tmp_path: Path, students: list[tuple], posts: list[tuple], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load("examples/my_dataset.py").make(export(tmp_path, students, posts), ["0"])


def test_the_example_builds_its_graph_at_the_cutoff(tmp_path: Path) -> None:
    course, rng = tmp_path / "mirror" / "my_course", np.random.default_rng(0)
    course.mkdir(parents=True)
    names = [f"s{i}" for i in range(40)]
    left = [3.0 if i < 2 else 35.0 if i % 3 == 0 else np.nan for i in range(40)]  # two before anything is predicted
    pd.DataFrame({"student": names, "dropped_on": left}).to_csv(course / "students.csv", index=False)
    posts = pd.DataFrame({"student": rng.choice(names, 300), "answers": rng.choice([*names, ""], 300)})
    posts = posts.assign(day=rng.integers(1, 60, 300), text=[f"post {i}" for i in range(300)])
    for kind in ("data", "sealed", "other", "unsealed"):
        (tmp_path / kind).mkdir()
    posts.to_csv(course / "posts.csv", index=False)
    asked = ("examples/my_dataset.py", ["0", "1"], {"cutoff": 28}, tmp_path / "mirror")
    prepare.run(*asked, tmp_path / "data", tmp_path / "sealed")
    graph = load_graph(tmp_path / "data")
    assert len(graph) == 38
    assert read_json(tmp_path / "data" / "provenance.json")["raw"] == {
        name: hashlib.sha256((course / name).read_bytes()).hexdigest() for name in ("students.csv", "posts.csv")
    }
    kept = posts[(posts["day"] <= 28) & posts["student"].isin(names[2:])]
    assert graph.x[:, 0].sum() == len(kept)
    assert graph.weights.sum() == (kept["answers"].isin(names[2:]) & (kept["answers"] != kept["student"])).sum()
    assert kept.sort_values("day").groupby("student")["text"].last()["s5"] == " ".join(graph.texts[3].split()[:2])

    posts.assign(text=posts["text"].where(posts["day"] <= 28, "later")).to_csv(course / "posts.csv", index=False)
    prepare.run(*asked, tmp_path / "other", tmp_path / "unsealed")
    assert load_graph(tmp_path / "other").texts == graph.texts, "nothing that comes later changes it"


GUIDE = re.sub("```.*?```", "", (ROOT / "docs" / "adding-a-dataset.md").read_text(encoding="utf-8"), flags=re.S)
CODE = re.findall("`([^`]+)`", GUIDE)


def fields_of(*kinds: type) -> set[str]:
    return {field.name for kind in kinds for field in fields(kind)}


def test_every_name_in_the_guide_is_there() -> None:
    rooms = [import_module(f"benchmarks.data.{room}") for room in ("dataset", "edges", "tables", "arrays", "raw")]
    schema = re.findall(r"(\w+): \{", (ROOT / "config" / "schema.yaml").read_text(encoding="utf-8"))
    known = fields_of(Dataset, StudentGraph, Split, Task, Column) | {name for room in rooms for name in vars(room)}
    known |= {*TEXTS, *REPLICATIONS, *KINDS, *LITERALS, *schema, *dir(builtins)}
    known |= {*inspect.signature(synthetic.make).parameters}
    known |= {path.stem for folder in ("tables", "figures") for path in (ROOT / "benchmarks" / folder).glob("*.py")}
    known |= {"make", "needed", "SOURCE", "labeled", "options", "split", "PyG", "Data", "data", "from_pyg"}
    for code in CODE:
        if "/" in code:
            assert (ROOT / code).exists() or code == "data/", code
        elif code != "provenance.json":
            assert set(re.findall(r"[A-Za-z_]\w*", code)) <= known, code


def test_the_guide_names_the_whole_contract() -> None:
    asked = fields_of(Dataset, Column) | {*TEXTS, *REPLICATIONS, *KINDS, *LITERALS, "SOURCE", "needed"}
    asked |= {"random_split", "stratified_fold", "named", "merged", "both_ways", "simple", "read_table", "refuse"}
    assert asked - {"kind"} <= set(CODE) | {code.split("(")[0] for code in CODE}
