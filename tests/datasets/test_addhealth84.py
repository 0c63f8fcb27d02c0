"""Add Health: a few made-up communities for what the building rules mean, the real ones for the counts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.data.tables import read_table
from benchmarks.datasets import addhealth84

STUDENTS, FRIENDSHIPS = addhealth84.FILES
Tables = tuple[pd.DataFrame, pd.DataFrame]


def communities() -> Tables:
    """Four communities of three pupils each: two train, one validates, one is tested."""
    students = pd.DataFrame({"community": np.repeat([1, 50, 67, 68], 3), "student": np.tile([1, 2, 3], 4)})
    students["sex"] = [1, 2, 0] * 4
    students["race"] = [1, 5, 0] * 4
    students["grade"] = [7, 8, 6, 9, 0, 10, 11, 12, 7, 7, 0, 12]
    students["school"] = [-1, -1, -1, 0, 1, 1] * 2
    rows = [(1, 1, 2, 6), (1, 2, 1, 1), (50, 3, 1, 2), (68, 1, 3, 4)]
    return students, pd.DataFrame(rows, columns=["community", "source", "target", "weight"])


def saved(folder: Path, students: pd.DataFrame, friendships: pd.DataFrame) -> Path:
    """A folder with the two compressed tables."""
    for name, table in ((STUDENTS, students), (FRIENDSHIPS, friendships)):
        with pyarrow.output_stream(str(folder / name), compression="zstd") as file:
            file.write(table.to_csv(index=False).encode())
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Dataset:
    return addhealth84.make(saved(tmp_path, *communities()), ["fixed"])


@pytest.fixture(scope="module")
def real() -> Dataset:
    """The dataset made from the mirror's files; skips the test where there is no mirror."""
    folder = MIRROR / addhealth84.FOLDER
    missing = [name for name in addhealth84.FILES if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"the mirror lacks {folder / missing[0]}; set SGN_MIRROR to a folder that holds {folder.name}/")
    return addhealth84.make(folder_for(addhealth84, {}, MIRROR), ["fixed"])


def test_grades_are_classes_and_others_context(small: Dataset) -> None:
    assert small.labels.tolist() == [0, 1, -1, 2, -1, 3, 4, 5, 0, 0, -1, 5]
    assert small.task.classes == ("7", "8", "9", "10", "11", "12")
    assert (small.text, set(small.graph.texts)) == ("none", {""})


def test_communities_are_apart(small: Dataset) -> None:
    split = small.splits["fixed"]
    assert split.train.tolist() == [0, 1, 3, 5]
    assert split.validation.tolist() == [6, 7, 8]
    assert split.test.tolist() == [9, 11]
    assert split.hidden.tolist() == [9, 10, 11], "also who gave no grade"
    assert small.replication == "fixed"


def test_edges_are_nominations(small: Dataset) -> None:
    assert small.graph.directed
    assert small.graph.edges.T.tolist() == [[0, 1], [1, 0], [5, 3], [9, 11]]
    assert small.graph.weights.tolist() == [6, 1, 2, 4]


def test_features_are_codes_without_the_grade(small: Dataset) -> None:
    features = small.graph.features
    rows = [{features[i] for i in row.nonzero().flatten().tolist()} for row in small.graph.x]
    assert rows[0] == {"sex: male", "race: white", "school: the only one"}
    assert rows[2] == {"sex: unreported", "race: unreported", "school: the only one"}
    assert rows[4] == {"sex: female", "race: mixed or other", "school: code 1"}
    assert len(features) == 12
    assert not any("grade" in name for name in features)


def test_neither_grades_nor_numbers_are_inputs(tmp_path: Path, small: Dataset) -> None:
    students, friendships = communities()
    students["grade"] = 12
    students["student"] += 100
    friendships[["source", "target"]] += 100
    other = addhealth84.make(saved(tmp_path, students, friendships), ["fixed"])
    assert torch.equal(other.graph.x, small.graph.x)
    assert torch.equal(other.graph.edges, small.graph.edges)
    assert torch.equal(other.graph.weights, small.graph.weights)


def put(table: int, column: str, value: object, row: int = 2) -> Callable[[Tables], None]:
    """A change of one cell."""

    def spoil(tables: Tables) -> None:
        values = tables[table][column].tolist()
        values[row] = value
        tables[table][column] = values

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (put(0, "student", 1), r"students\.csv\.zst, row 4: community is 1, student is 1; expected each once"),
        (put(0, "grade", 13), r"students\.csv\.zst, row 4: grade is '13'; expected one of 0, 6, 7,"),
        (put(0, "grade", 5), r"students\.csv\.zst, row 4: grade is '5'; expected one of 0, 6, 7,"),
        (put(0, "sex", np.nan), r"students\.csv\.zst, row 4: sex is ''; expected one of 0, 1, 2"),
        (put(0, "race", "white"), r"students\.csv\.zst, row 4: race is 'white'; expected one of 0, 1, 2"),
        (put(0, "school", 0.5), r"students\.csv\.zst, row 4: school is '0.5'; expected one of -1, 0, 1"),
        (
            put(1, "source", 77),
            r"friendships\.csv\.zst, row 4: community is 50, source is 77; expected a pupil of students\.csv",
        ),
        (
            put(1, "target", 4),
            r"friendships\.csv\.zst, row 4: community is 50, target is 4; expected a pupil of students\.csv",
        ),
        (
            put(1, "community", 48),
            r"friendships\.csv\.zst, row 4: community is 48, source is .*; expected a pupil of students\.csv",
        ),
        (put(1, "weight", np.nan), r"friendships\.csv\.zst, row 4: weight is ''; expected a whole number from 1 to 6"),
        (put(1, "weight", 0), r"friendships\.csv\.zst, row 4: weight is '0'; expected a whole number from 1 to 6"),
        (put(1, "target", 3), r"friendships\.csv\.zst, row 4: source is 3, target is 3; expected two pupils"),
        (put(1, "source", 1, row=1), r"friendships\.csv\.zst, row 3: source is 1, target is 1; expected two pupils"),
    ],
)
def test_bad_cells(tmp_path: Path, spoil: Callable[[Tables], None], message: str) -> None:
    tables = communities()
    spoil(tables)
    with pytest.raises(ValueError, match=message):
        addhealth84.make(saved(tmp_path, *tables), [])


def test_bad_tables_and_splits(tmp_path: Path) -> None:
    students, friendships = communities()
    with pytest.raises(ValueError, match="no split '0'; there are fixed"):
        addhealth84.make(saved(tmp_path, students, friendships), ["0"])
    with pytest.raises(ValueError, match=r"friendships\.csv\.zst, row 6: .* expected each once"):
        addhealth84.make(saved(tmp_path, students, pd.concat([friendships, friendships[:1]])), [])
    with pytest.raises(
        ValueError, match=r"students\.csv\.zst: expected one column 'grade'; there are community, student, sex"
    ):
        addhealth84.make(saved(tmp_path, students.drop(columns="grade"), friendships), [])
    whole = (saved(tmp_path, students, friendships) / STUDENTS).read_bytes()
    for content in (b"", b"community,student", whole[: len(whole) // 2]):
        (tmp_path / STUDENTS).write_bytes(content)
        with pytest.raises(ValueError, match=r"students\.csv\.zst is not a whole table"):
            addhealth84.make(tmp_path, [])


# The real files. Counts are those of the data card; scores are those of plain scikit-learn.


@pytest.mark.mirror
def test_counts(real: Dataset) -> None:
    n, (source, target) = len(real.graph), real.graph.edges
    assert (n, len(source)) == (74_626, 314_189)
    pupils = read_table(MIRROR / addhealth84.FOLDER / STUDENTS, addhealth84.STUDENTS)
    assert pupils["community"].nunique() == 83
    split = real.splits["fixed"]
    assert [len(getattr(split, side)) for side in ("train", "validation", "test", "hidden")] == [
        *(44_211, 15_882, 13_931, 14_050)
    ]
    assert np.bincount(real.labels + 1).tolist() == [602, 10_270, 10_016, 15_491, 14_445, 12_612, 11_190]
    assert real.graph.x.sum(0).int().tolist() == [
        *(532, 37_003, 37_091),
        *(877, 38_770, 12_240, 12_285, 3_619, 6_835),
        *(25_084, 15_361, 34_181),
    ]
    assert np.bincount(source, minlength=n).max() == 10
    assert (np.bincount(target, minlength=n) == 0).mean() == pytest.approx(0.101, abs=5e-4)
    assert n - len(real.graph.edges.unique()) == 3208
    there, back = (set((a * n + b).tolist()) for a, b in ((source, target), (target, source)))
    assert len(there & back) / len(source) == pytest.approx(0.384, abs=5e-4)


@pytest.mark.mirror
def test_ties_by_part(real: Dataset) -> None:
    split = real.splits["fixed"]
    part = np.full(len(real.graph), -1)  # and stays so for pupils without a grade where they are not hidden
    for number, ids in enumerate((split.train, split.validation, split.hidden)):
        part[ids] = number
    ends = part[real.graph.edges.numpy()]
    assert (ends[0] == ends[1])[(ends >= 0).all(0)].all()
    assert not ((ends == 2).any(0) & (ends == -1).any(0)).any(), "no tie leaves the hidden communities"
    assert (ends[0] == 2).sum() == 56_962
    strong = real.graph.weights.numpy() >= 4
    assert strong[ends[0] == 2].mean() == pytest.approx(0.319, abs=5e-4)
    grades = real.labels[real.graph.edges.numpy()]
    known = (grades >= 0).all(0)
    assert (grades[0] == grades[1])[known].mean() == pytest.approx(0.765, abs=5e-4)


@pytest.mark.mirror
def test_attributes_tell_little_of_the_grade(real: Dataset) -> None:
    from sklearn.linear_model import LogisticRegression

    split, x = real.splits["fixed"], real.graph.x.numpy()
    chosen = split.train[::10]
    model = LogisticRegression().fit(x[chosen], real.labels[chosen])
    majority = (real.labels[split.test] == 2).mean()
    assert majority == pytest.approx(0.241, abs=5e-4)
    assert 0.27 < model.score(x[split.test], real.labels[split.test]) < 0.34  # 0.30
