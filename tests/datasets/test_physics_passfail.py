"""Physics pass or fail: how networks and tables become a graph, on made-up files; and the counts of the real ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import physics_passfail
from benchmarks.jobs.source import literal

PEOPLE = 30
TEACHER = 30  # has no grade
FIRST, SECOND, SOCIAL = (name for name in physics_passfail.FILES if "week36-37" in name)
NEXT = next(name for name in physics_passfail.FILES if "week38" in name)


def course(folder: Path, networks: dict[str, str] | None = None, **cells: tuple[int, str]) -> Path:
    """A folder with both tables and all networks, each with the arc 1 -> 2 unless `networks` says otherwise.

    Every third student fails. `cells` puts another value into a column: `Age=(3, "x")` is the age of student 3.
    """
    columns = {
        "Gender": [str(i % 2) for i in range(1, PEOPLE + 1)],
        "Age": [str(18 + i % 3) for i in range(1, PEOPLE + 1)],
        "Cohort": [str(1 + i % 2) for i in range(1, PEOPLE + 1)],
        "Course Grade": ["0" if i % 3 == 0 else "7" for i in range(1, PEOPLE)] + ["100"],
        "fci_pre": [str(i) for i in range(1, PEOPLE + 1)],
        "ID": [str(i) for i in range(1, PEOPLE + 1)],
    }
    for name, (student, value) in cells.items():
        columns[name.replace("_", " ") if name != "fci_pre" else name][student - 1] = value
    for file, names in (
        ("SNA_ESERA2013.csv", ("ID", "Gender", "Age", "Cohort", "Course Grade")),
        ("fci_pre_sog.csv", ("ID", "fci_pre")),
    ):
        rows = zip(*(columns[name] for name in names), strict=True)
        (folder / file).write_text("\n".join([",".join(names), *map(",".join, rows)]) + "\n", encoding="ascii")
    for name in physics_passfail.FILES:
        if name.startswith("networks/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(pajek((networks or {}).get(name, "1 2 1")), encoding="ascii")
    return folder


def pajek(arcs: str, people: int = PEOPLE) -> str:
    """A network file with these lines of arcs."""
    vertices = "\n".join(f'{i} "Person{i}"' for i in range(1, people + 1))
    return f"*Vertices {people}\n{vertices}\n*Arcs \n{arcs}\n"


def arcs(dataset: Dataset) -> dict[tuple[int, int], float]:
    """Weights of edges, by the ids of the students (those with a grade are the first 29 ids)."""
    ends = (dataset.graph.edges + 1).T.tolist()
    return {(a, b): weight for (a, b), weight in zip(ends, dataset.graph.weights.tolist(), strict=True)}


def column(dataset: Dataset, name: str) -> list[float]:
    return dataset.graph.x[:, dataset.graph.features.index(name)].tolist()


def same_graph(a: Dataset, b: Dataset) -> bool:
    """Features, text, edges and weights, not labels."""
    tensors = ((a.graph.x, b.graph.x), (a.graph.edges, b.graph.edges), (a.graph.weights, b.graph.weights))
    same = all(x.shape == y.shape and torch.equal(x, y) for x, y in tensors)
    return same and a.graph.texts == b.graph.texts and a.graph.features == b.graph.features


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "SOURCE"):
        assert literal(physics_passfail.__name__, name) == getattr(physics_passfail, name)
    assert len(physics_passfail.FILES) == 2 + 7 * 3


def test_cohort_is_who_has_a_grade_and_below_two_fails(tmp_path: Path) -> None:
    dataset = physics_passfail.make(course(tmp_path, Course_Grade=(1, "-3")), [], week=36)
    assert len(dataset.graph) == 29, "the one without a grade is out"
    assert dataset.labels[:6].tolist() == [1, 0, 1, 0, 0, 1]
    assert dataset.graph.texts == ("",) * 29
    assert dataset.text == "none"


def test_weight_counts_the_layers(tmp_path: Path) -> None:
    networks = {
        FIRST: "1 2 1\n1 2 1\n2 1 0\n3 3 1\n  5   4 1 \n1 30 1",  # repeated, another layer's, oneself, spaces, teacher
        SECOND: "1 2\n2 1 0\n2 1 1",  # no third value counts
        SOCIAL: "30 1 1\n4 5 1",
    }
    dataset = physics_passfail.make(course(tmp_path, networks), [], week=36)
    assert arcs(dataset) == {(1, 2): 2, (2, 1): 1, (5, 4): 1, (4, 5): 1}
    assert dataset.graph.directed
    assert arcs(physics_passfail.make(tmp_path, [], week=38))[1, 2] == 5, "and those of three layers more"


def test_features_are_known_before_the_course(tmp_path: Path) -> None:
    folder = course(tmp_path, Age=(3, "100"), fci_pre=(4, ""), Cohort=(5, "100"))
    dataset = physics_passfail.make(folder, [], week=36)
    names = (
        "gender code",
        "years over 18",
        "age missing",
        "pretest",
        "pretest missing",
        "study group: 1",
        "study group: 2",
    )
    assert dataset.graph.features == names
    assert column(dataset, "years over 18")[:4] == [1, 2, 0, 1], "the third is unknown"
    assert column(dataset, "age missing") == [float(i == 3) for i in range(1, 30)]
    assert column(dataset, "pretest")[2:5] == [3, 0, 5]
    assert column(dataset, "pretest missing") == [float(i == 4) for i in range(1, 30)]
    assert column(dataset, "study group: 1")[3:6] == [1, 0, 1]
    assert column(dataset, "study group: 2")[3:6] == [0, 0, 0], "unknown is neither"


def test_grades_change_nothing_but_labels(tmp_path: Path) -> None:
    before = physics_passfail.make(course(tmp_path), [], week=40)
    after = physics_passfail.make(course(tmp_path, Course_Grade=(3, "12")), [], week=40)
    assert same_graph(before, after)
    assert before.labels[2] != after.labels[2]


def test_nobody_fills_in_for_another(tmp_path: Path) -> None:
    """What stands for an unknown value is the same whoever else is in the course."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = physics_passfail.make(course(tmp_path / "a", Age=(3, "100"), fci_pre=(3, "")), [], week=36)
    other = course(tmp_path / "b", Age=(3, "100"), fci_pre=(3, ""))
    for name, column_of_all in (("SNA_ESERA2013.csv", (2, "40")), ("fci_pre_sog.csv", (1, "30"))):
        head, *rows = [line.split(",") for line in (other / name).read_text(encoding="ascii").splitlines()]
        place, value = column_of_all
        for student, row in enumerate(rows, 1):
            row[place] = row[place] if student == 3 else value
        (other / name).write_text("\n".join(map(",".join, [head, *rows])) + "\n", encoding="ascii")
    assert torch.equal(physics_passfail.make(other, [], week=36).graph.x[2], one.graph.x[2])


def test_later_surveys_are_not_read(tmp_path: Path) -> None:
    planted = {NEXT: "7 8 1\n1 2 1"}
    at_36 = physics_passfail.make(course(tmp_path, planted), [], week=36)
    at_38 = physics_passfail.make(tmp_path, [], week=38)
    for name in physics_passfail.FILES:
        if name not in physics_passfail.needed(36):
            (tmp_path / name).unlink()
    assert same_graph(physics_passfail.make(tmp_path, [], week=36), at_36)
    assert not same_graph(at_38, at_36), "the comparison sees what a later survey adds"
    assert (7, 8) in arcs(at_38)


def test_folds_are_stratified(tmp_path: Path) -> None:
    dataset = physics_passfail.make(course(tmp_path), [str(i) for i in range(5)], week=36)
    assert dataset.replication == "folds"
    tested = np.concatenate([split.test for split in dataset.splits.values()])
    assert sorted(tested.tolist()) == list(range(29))
    assert all(len(split.hidden) == 0 for split in dataset.splits.values())
    with pytest.raises(ValueError, match="no split 'first'; splits are whole numbers"):
        physics_passfail.make(tmp_path, ["first"], week=36)


@pytest.mark.parametrize("week", [37, 41, 45])
def test_weeks_without_a_survey_are_refused(tmp_path: Path, week: int) -> None:
    with pytest.raises(ValueError, match=f"no survey in week {week}; there are 36, 38, 39, 40, 42, 43, 44"):
        physics_passfail.make(tmp_path, [], week=week)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"Course_Grade": (4, "5")}, "row 5: Course Grade is '5'; expected one of -3, 0, 2"),
        ({"Course_Grade": (4, "")}, "row 5: Course Grade is ''"),
        ({"Gender": (2, "2")}, "row 3: Gender is '2'"),
        ({"Age": (2, "x")}, "row 3: Age is 'x'; expected a whole number from 1 to 100"),
        (
            {"fci_pre": (2, "31")},
            r"fci_pre_sog\.csv, row 3: fci_pre is '31'; expected a whole number from 0 to 30, or nothing",
        ),
        ({"ID": (2, "1")}, "row 3: ID is 1; expected 1, 2, 3 and so on"),
    ],
    ids=["grade", "no grade", "gender", "age", "pretest", "id"],
)
def test_bad_cells_are_refused(tmp_path: Path, cells: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        physics_passfail.make(course(tmp_path, **cells), [], week=36)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pajek("1 2 1\n1 31 1"), ", row 34: to is '31'; expected an ID of"),
        (pajek("0 2 1"), ", row 33: from is '0'"),
        (pajek("1 2 NaN"), ", row 33: value is 'NaN'; expected 0 or 1"),
        (pajek("1 2 1\n3"), ", row 34: to is"),
        (pajek("1 2 1 1"), ": an arc of 4 values"),
        (pajek(""), ": an arc of 0 values"),
        (pajek("1 2 1", people=29), ": not a Pajek file that begins with '\\*Vertices 30'"),
        (pajek("1 2 1")[:100], ": .*has a line '\\*Arcs'"),
    ],
    ids=["unknown", "zero", "value", "one end", "four", "none", "others", "truncated"],
)
def test_bad_networks_are_refused(tmp_path: Path, content: str, message: str) -> None:
    folder = course(tmp_path)
    (folder / SECOND).write_text(content, encoding="ascii")
    with pytest.raises(ValueError, match=f"physStandQ2.net{message}"):
        physics_passfail.make(folder, [], week=36)


def test_other_tables_are_refused(tmp_path: Path) -> None:
    pretest = course(tmp_path) / "fci_pre_sog.csv"
    content = pretest.read_text(encoding="ascii")
    for wrong, message in (
        ("ID,sog\n1,2\n", ": expected one column 'fci_pre'; there are ID, sog"),
        ("ID,fci_pre\n1,2\n", ": 1 people, but SNA_ESERA2013.csv has 30"),
        (content.replace("3,3", "3,3,4,5"), " is not a whole table"),
        (content.replace("3,3", "3,\u00e6"), ", row 4: fci_pre is '\u00e6'"),
    ):
        pretest.write_text(wrong, encoding="utf-8")
        with pytest.raises(ValueError, match=rf"fci_pre_sog\.csv{message}"):
            physics_passfail.make(tmp_path, [], week=36)


# the real files


def real(week: int, splits: list[str]) -> Dataset:
    """Made from the mirror's files; skips the test where there is no mirror."""
    folder = MIRROR / physics_passfail.FOLDER
    missing = [name for name in physics_passfail.FILES if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"no {folder / missing[0]}; set SGN_MIRROR to a folder that holds {physics_passfail.FOLDER}/")
    return physics_passfail.make(folder_for(physics_passfail, {"week": week}, MIRROR), splits, week=week)


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("week", "among_all", "directed", "pairs", "isolated"),
    [(36, 417, 247, 232, 42), (38, 1644, 900, 675, 8), (40, 3738, 1394, 1025, 4), (44, 5949, 1653, 1215, 3)],
)
def test_real_networks(week: int, among_all: int, directed: int, pairs: int, isolated: int) -> None:
    dataset = real(week, [])
    edges = dataset.graph.edges
    assert edges.shape[1] == directed
    assert edges.sort(0).values.unique(dim=1).shape[1] == pairs
    assert len(dataset.graph) - len(edges.unique()) == isolated
    networks = [name for name in physics_passfail.needed(week) if name.startswith("networks/")]
    folder = MIRROR / physics_passfail.FOLDER
    assert sum(len(physics_passfail._named(folder / name, 187)) for name in networks) == among_all


@pytest.mark.mirror
def test_real_students() -> None:
    dataset = real(36, ["0", "7"])
    assert (len(dataset.graph), int(dataset.labels.sum())) == (169, 40)
    assert sum(column(dataset, "age missing")) == 29
    assert dataset.graph.num_features == 12
    sizes = {name: (len(s.train), len(s.validation), len(s.test)) for name, s in dataset.splits.items()}
    assert sizes == {"0": (101, 34, 34), "7": (101, 34, 34)}
    assert [int(dataset.labels[split.test].sum()) for split in dataset.splits.values()] == [8, 8]


@pytest.mark.mirror
def test_real_pretest_says_most() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = real(36, [])
    names = dataset.graph.features
    pretest = [name for name in names if name.startswith("pretest")]
    background = [name for name in names if name not in pretest]
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=0)
    for chosen, expected in ((pretest, 0.82), (background, 0.70), (names, 0.79)):
        x = np.column_stack([column(dataset, name) for name in chosen])
        model = make_pipeline(StandardScaler(), LogisticRegression())
        scores = cross_val_score(model, x, dataset.labels, cv=folds, scoring="roc_auc")
        assert scores.mean() == pytest.approx(expected, abs=0.05)
