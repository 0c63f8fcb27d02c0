"""OULAD: how tables become a cohort and a graph, on made-up files; and the counts of the real ones."""

import functools
import hashlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import RawFileError, folder_for, locate
from benchmarks.datasets import oulad, oulad_edges
from benchmarks.datasets.oulad import CLICKS, ENROLMENT, HAND_INS, INFO, PLAN, REGISTRATIONS
from benchmarks.jobs.outcome import NotAvailableError
from benchmarks.jobs.source import literal

Tables = dict[str, pd.DataFrame]


def open_university() -> Tables:
    """Module AAA in both years and CCC in 2014, ten students each; student 1 is in both years.

    Students 1 to 10 are in 2013, 1 and 12 to 20 in 2014; 21 to 30 take CCC. Assessments 1 and 2 (AAA, 2013) are due on
    days 20 and 50, those of 2014 are 3 and 4, and 5 is an exam without a day. Students with an even number hand the
    first one in on its day, with the score 70, and all click on page 7 on days -3 and 2.
    """
    rows = [("AAA", "2013J", i) for i in range(1, 11)]
    rows += [("AAA", "2014J", i) for i in (1, *range(12, 21))] + [("CCC", "2014J", i) for i in range(21, 31)]
    keys = pd.DataFrame(rows, columns=ENROLMENT)
    n, student = len(keys), keys["id_student"]
    info = keys.assign(
        gender=["M", "F"] * (n // 2),
        region=["Wales", "Scotland", "Ireland"] * (n // 3),
        highest_education="HE Qualification",
        imd_band=["10-20", "90-100%", ""] * (n // 3),
        age_band="0-35",
        num_of_prev_attempts=0,
        studied_credits=60,
        disability="N",
        final_result=[oulad.RESULTS[i % 4] for i in range(n)],
    )
    left = np.where(info["final_result"] == "Withdrawn", "100", "")
    registration = keys.assign(date_registration=-student, date_unregistration=left)
    first = keys["code_presentation"].map({"2013J": 1, "2014J": 3})
    handed = keys.assign(id_assessment=first, date_submitted=20, is_banked=0, score=70)
    even = (student % 2 == 0) & (keys["code_module"] == "AAA")
    plan = pd.DataFrame(
        [
            (p, i, day)
            for p, days in (("2013J", {1: 20, 2: 50}), ("2014J", {3: 20, 4: 50, 5: ""}))
            for i, day in days.items()
        ],
        columns=["code_presentation", "id_assessment", "date"],
    ).assign(code_module="AAA")
    log = pd.concat([keys.assign(id_site=7, date=day, sum_click=2) for day in (-3, 2)], ignore_index=True)
    tables = {INFO: info, REGISTRATIONS: registration, HAND_INS: handed[even], PLAN: plan, CLICKS: log}
    tables[HAND_INS] = tables[HAND_INS].drop(columns=ENROLMENT[:2])
    return {name: table.reset_index(drop=True).astype(object) for name, table in tables.items()}


def put(tables: Tables, file: str, student: int, **cells: Any) -> Tables:
    """The same tables with other values in the first row of a student."""
    table = tables[file].copy()
    row = table.index[table["id_student"] == student][0]
    for column, value in cells.items():
        table.loc[row, column] = value
    return tables | {file: table}


def plus(tables: Tables, file: str, **cells: Any) -> Tables:
    """The same tables with one more row, like the first but for some cells."""
    row = tables[file].iloc[:1].assign(**cells)
    return tables | {file: pd.concat([tables[file], row], ignore_index=True)}


def write(folder: Path, tables: Tables) -> Path:
    for name, table in tables.items():
        table.to_csv(folder / name, index=False)
    return folder


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A dataset made of these tables, of which the log of clicks has the published length, whatever it is."""

    def made(tables: Tables, splits: list[str] | None = None, **options: Any) -> Dataset:
        monkeypatch.setattr(oulad, "CLICK_ROWS", len(tables[CLICKS]))
        return oulad.make(write(tmp_path, tables), splits or [], **options)

    return made


def column(dataset: Dataset, name: str) -> list[float]:
    return dataset.graph.x[:, dataset.graph.features.index(name)].tolist()


def pairs(dataset: Dataset) -> dict[tuple[int, int], float]:
    """Weights of edges."""
    ends = dataset.graph.edges.T.tolist()
    return {(a, b): weight for (a, b), weight in zip(ends, dataset.graph.weights.tolist(), strict=True)}


def same_graph(a: Dataset, b: Dataset) -> bool:
    """Features, text, edges and weights, not labels."""
    tensors = ((a.graph.x, b.graph.x), (a.graph.edges, b.graph.edges), (a.graph.weights, b.graph.weights))
    same = all(x.shape == y.shape and torch.equal(x, y) for x, y in tensors)
    return same and a.graph.texts == b.graph.texts and a.graph.features == b.graph.features


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "SOURCE"):
        assert literal(oulad.__name__, name) == getattr(oulad, name)


# who is there, and what is asked


def test_cohort_is_registered_and_not_yet_gone(make: Any) -> None:
    tables = open_university()
    for student, cells in {
        2: {"date_registration": 30},
        3: {"date_registration": 31},
        4: {"date_registration": ""},
        6: {"date_unregistration": 30},
        7: {"date_unregistration": 31},
        9: {"date_unregistration": ""},  # withdrew, nobody knows when
    }.items():
        tables = put(tables, REGISTRATIONS, student, **cells)
    dataset = make(tables, cutoff=30)
    assert dataset.persons is not None
    assert dataset.persons.tolist()[:7] == [1, 2, 4, 5, 7, 8, 10]
    assert len(dataset.graph) == 27
    assert column(dataset, "day of registration")[:4] == [-1, 30, -6, -5], "unknown is the median of 2013"
    assert dataset.lead is not None
    assert dataset.lead[4] == 1, "7 is gone the day after"
    assert set(dataset.lead[dataset.labels == 1]) == {70.0}, "those who withdraw do so on day 100"
    assert np.isnan(dataset.lead).sum() == (dataset.labels == 0).sum() - 1


def test_tasks_ask_about_the_end(make: Any) -> None:
    tables = open_university()  # Withdrawn, Fail, Pass, Distinction, and again
    withdrawn, result, both = (make(tables, task=task) for task in ("withdrawn", "result", "multilabel"))
    assert withdrawn.labels[:5].tolist() == [1, 0, 0, 0, 1]
    assert result.labels[:5].tolist() == [0, 1, 2, 3, 0]
    assert both.labels[:5].tolist() == [[1, 1], [0, 1], [0, 0], [0, 0], [1, 1]]
    assert [d.task.kind for d in (withdrawn, result, both)] == ["binary", "multiclass", "multilabel"]
    assert same_graph(withdrawn, result)
    assert same_graph(withdrawn, both)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "grade"}, "task = 'grade'; expected withdrawn, result, multilabel"),
        ({"cutoff": 45}, "cutoff = 45; expected 0, 30, 60, 90"),
        ({"edges": "friends"}, "edges = 'friends'; expected none, region, day, clicks"),
    ],
    ids=["task", "cutoff", "edges"],
)
def test_other_options_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        oulad.make(tmp_path, [], **options)


# splits


def test_students_of_both_years_are_not_tested(make: Any) -> None:
    dataset = make(open_university(), ["2014"])
    split = dataset.splits["2014"]
    assert sorted([*split.train, *split.validation]) == list(range(10))
    assert len(split.validation) == 2
    assert split.hidden.tolist() == list(range(10, 30)), "2014 whole"
    assert split.test.tolist() == list(range(11, 30)), "without student 1 in 2014"
    assert dataset.replication == "fixed"


def test_a_person_validates_or_trains_with_all_enrolments(make: Any) -> None:
    tables = open_university()
    for file in (INFO, REGISTRATIONS):
        again = tables[file][:10].assign(code_module="BBB")
        tables[file] = pd.concat([tables[file], again], ignore_index=True)
    dataset = make(tables, ["2014"])
    assert dataset.persons is not None
    train, validation = (
        set(dataset.persons[side]) for side in (dataset.splits["2014"].train, dataset.splits["2014"].validation)
    )
    assert (len(train), len(validation)) == (8, 2)
    assert not train & validation


def test_the_new_module_is_reported_apart(make: Any) -> None:
    dataset = make(open_university(), ["2014-known", "2014-new"])
    tests = {name: split.test.tolist() for name, split in dataset.splits.items()}
    assert tests == {"2014-known": list(range(11, 20)), "2014-new": list(range(20, 30))}
    assert dataset.replication == "groups"
    for splits, message in ((["2014", "2014-new"], "split '2014' stands alone"), (["2015"], "no split '2015'")):
        with pytest.raises(ValueError, match=message):
            make(open_university(), splits)


# features and text


def test_hand_ins_become_features(make: Any) -> None:
    tables = put(open_university(), HAND_INS, 4, score="")
    for cells in (
        {"id_student": 2, "id_assessment": 2, "date_submitted": 24, "score": 90},
        {"id_student": 6, "id_assessment": 2, "date_submitted": 31},  # too late for the cut-off
        {"id_student": 7, "id_assessment": 1, "date_submitted": -1, "is_banked": 1},  # of another year
    ):
        tables = plus(tables, HAND_INS, **cells)
    dataset = make(tables, cutoff=30)
    expected = {
        "assessments due": [1, 1, 1, 1],
        "handed in": [2, 1, 1, 0],
        "missed": [0, 0, 0, 1],
        "mean score": [80, 0, 70, 0],
        "latest score": [90, 0, 70, 0],
        "days before due": [13, 0, 0, 0],
        "days since last hand-in": [6, 10, 10, 0],
        "no score": [0, 1, 0, 1],
    }
    assert {name: [column(dataset, name)[i - 1] for i in (2, 4, 6, 7)] for name in expected} == expected
    assert column(dataset, "assessments due")[20] == 0, "CCC has none"
    assert column(make(tables, cutoff=60), "missed")[:2] == [2, 0]


def test_background_becomes_features(make: Any) -> None:
    dataset = make(put(open_university(), INFO, 12, region="Mars"))
    assert column(dataset, "credits")[0] == pytest.approx(np.log1p(60))
    assert column(dataset, "region: Wales")[:4] == [1, 0, 0, 1]
    assert column(dataset, "deprivation band: 10-20%")[:3] == [1, 0, 0], "spelled like the others"
    assert column(dataset, "deprivation band: unknown")[:3] == [0, 0, 1]
    assert not {"module: CCC", "region: Mars"} & set(dataset.graph.features), "nothing to be learned in 2013"


def test_text_puts_the_features_into_words(make: Any) -> None:
    background = (
        "Enrolled in module AAA, start October, region Scotland, education HE Qualification, deprivation band 90-100%, "
        "age 0-35, gender F, disability N. Previous attempts 0, credits 60, registered on day -2."
    )
    handed = (
        "Assessments handed in 1, due 1, missed 0. On average 0 days before due, last 10 days ago. "
        "Mean score 70, latest 70. "
    )
    dataset = make(open_university(), cutoff=30)
    assert dataset.text == "template"
    assert dataset.graph.texts[1] == handed + background
    assert dataset.graph.texts[0].startswith("Assessments handed in 0, due 1, missed 1. Enrolled in module AAA")
    clicked = make(open_university(), cutoff=30, clicks=True).graph.texts[1]
    assert clicked == handed + "Clicks by week, newest first: 0, 0, 0, 0, 2, 2. " + background


def test_the_outcome_changes_nothing_but_labels(make: Any) -> None:
    before = make(open_university(), edges="day")
    after = make(put(open_university(), INFO, 2, final_result="Pass"), edges="day")
    assert same_graph(before, after)
    assert make(put(open_university(), INFO, 2, final_result="Pass"), task="result").labels[1] == 2


# constructed edges


def test_there_are_no_edges_unless_constructed(make: Any) -> None:
    assert pairs(make(open_university())) == {}
    assert any("no contact between students was recorded" in remark for remark in make(open_university()).remarks)


def test_region_edges_stay_in_a_presentation(make: Any) -> None:
    dataset = make(open_university(), edges="region")
    regions, where = np.arange(30) % 3, np.arange(30) // 10
    expected = (regions[:, None] == regions) & (where[:, None] == where) & ~np.eye(30, dtype=bool)
    assert set(pairs(dataset)) == set(zip(*map(np.ndarray.tolist, np.nonzero(expected)), strict=True))
    assert set(pairs(dataset).values()) == {1.0}
    assert any("constructed, a control" in remark for remark in dataset.remarks)


def test_day_edges_are_cosines(make: Any) -> None:
    tables = open_university()
    for student in (2, 4):
        tables = plus(tables, HAND_INS, id_student=student, id_assessment=2, date_submitted=25)
    tables = put(tables, HAND_INS, 8, date_submitted=19)
    found = pairs(make(tables, edges="day"))
    both_ways = {pair: found[pair] for pair in ((1, 3), (3, 1), (1, 5), (5, 1), (5, 9))}
    assert both_ways == pytest.approx({(1, 3): 1, (3, 1): 1, (1, 5): 0.5**0.5, (5, 1): 0.5**0.5, (5, 9): 1}, abs=1e-6)
    assert not any(7 in pair for pair in found), "alone on day 19"
    assert pairs(make(tables | {HAND_INS: tables[HAND_INS][:0]}, edges="day")) == {}


def test_click_edges_are_cosines_of_pages_and_days(make: Any) -> None:
    tables = plus(open_university(), CLICKS, id_student=1, id_site=8, date=2)
    tables = plus(tables, CLICKS, id_student=1, id_site=8, date=2, sum_click=5)  # again is no more
    found = pairs(make(tables, edges="clicks"))
    assert found[1, 2] == 1
    assert found[0, 1] == pytest.approx((2 / 3) ** 0.5, abs=1e-6)
    assert {(a // 10, b // 10) for a, b in found} == {(0, 0), (1, 1), (2, 2)}


@pytest.mark.parametrize("students", [1, 5, 11, 200])
def test_nobody_has_more_than_ten(students: int) -> None:
    alike = np.ones((students, students), np.int64) - np.eye(students, dtype=np.int64)
    found = oulad_edges.mutual(alike)
    assert np.array_equal(found, found.T)
    assert not found.diagonal().any()
    expected = min(students - 1, 9 if students > 11 else 10)
    assert found.sum(1).min() >= expected
    assert found.sum(1).max() <= oulad_edges.NEIGHBORS
    similar = np.random.RandomState(0).randint(3, size=(students, students))
    assert oulad_edges.mutual(similar + similar.T).sum(1).max() <= oulad_edges.NEIGHBORS


def test_the_most_similar_come_first() -> None:
    similar = np.ones((40, 40), np.int64)
    similar[:5, :5] = 2
    np.fill_diagonal(similar, 0)
    assert oulad_edges.mutual(similar)[:5, :5].sum() == 20


# time


def later(tables: Tables, cutoff: int) -> Tables:
    """The tables with events after the cut-off planted in each log."""
    day = cutoff + 1
    tables = plus(tables, HAND_INS, id_student=3, id_assessment=1, date_submitted=day, score=1)
    tables = plus(tables, HAND_INS, id_student=2, id_assessment=2, date_submitted=day, score=1)
    tables = put(tables, REGISTRATIONS, 5, date_unregistration=day)
    for student in (2, 3):
        tables = plus(tables, CLICKS, id_student=student, id_site=9, date=day, sum_click=50)
    return tables


def until(tables: Tables, cutoff: int) -> Tables:
    """The tables without what happened after the cut-off; an unregistration then is known to come, not when."""
    cut = dict(tables)
    for file, day in ((HAND_INS, "date_submitted"), (CLICKS, "date")):
        cut[file] = tables[file][tables[file][day].astype(int) <= cutoff]
    left = pd.to_numeric(tables[REGISTRATIONS]["date_unregistration"])
    cut[REGISTRATIONS] = tables[REGISTRATIONS].assign(
        date_unregistration=tables[REGISTRATIONS]["date_unregistration"].where(~(left > cutoff), 400)
    )
    return cut


@pytest.mark.parametrize("edges", oulad.EDGES)
@pytest.mark.parametrize("cutoff", [30, 60])
def test_what_happens_after_the_cut_off_changes_nothing(make: Any, edges: str, cutoff: int) -> None:
    planted = later(open_university(), cutoff)
    full = make(planted, cutoff=cutoff, edges=edges, clicks=True)
    assert same_graph(full, make(until(planted, cutoff), cutoff=cutoff, edges=edges, clicks=True))
    assert same_graph(full, make(open_university(), cutoff=cutoff, edges=edges, clicks=True))


@pytest.mark.parametrize("edges", ["day", "clicks"])
def test_the_comparison_would_see_a_cut_off_that_is_ignored(make: Any, edges: str) -> None:
    planted = later(open_university(), 30)
    full = make(planted, cutoff=60, edges=edges, clicks=True)
    cut = make(until(planted, 30), cutoff=60, edges=edges, clicks=True)
    assert len(full.graph) == len(cut.graph) - 1, "student 5 has left by then"
    kept = torch.tensor([i for i in range(30) if i != 4])
    seen = cut.graph.subgraph(kept)
    assert not torch.equal(full.graph.x, seen.x)
    assert full.graph.texts != seen.texts
    assert pairs(full) != {(a, b): w for (a, b), w in zip(seen.edges.T.tolist(), seen.weights.tolist(), strict=True)}


# the log of clicks, whose checksum nobody stated


def test_clicks_by_week(make: Any) -> None:
    tables = open_university()
    for day, count in ((-1, 4), (0, 1), (6, 1), (7, 8), (30, 16), (31, 99)):
        tables = plus(tables, CLICKS, id_student=1, date=day, sum_click=count)
    dataset = make(tables, cutoff=30, clicks=True)
    names = ["clicks before the start", *(f"clicks in week {week}" for week in range(1, 6))]
    assert [round(float(np.expm1(column(dataset, name)[0]))) for name in names] == [6, 4, 8, 0, 0, 16]
    assert any("Not checkable: whether studentVle.csv is the published file" in remark for remark in dataset.remarks)
    without = make(tables, cutoff=30)
    assert not any("click" in words for words in (*without.graph.features, *without.remarks))
    assert make(tables, cutoff=0, clicks=True).graph.num_features == without.graph.num_features + 2


def test_clicks_are_read_only_where_needed() -> None:
    assert CLICKS not in oulad.needed()
    assert CLICKS not in oulad.needed("day")
    assert CLICKS in oulad.needed("clicks")
    assert CLICKS in oulad.needed("none", clicks=True)


def test_a_shorter_log_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, open_university())
    with pytest.raises(ValueError, match=r"studentVle\.csv: 60 rows; expected 10,655,280"):
        oulad.make(folder, [], clicks=True)


def test_a_file_without_a_checksum_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "mirror" / "oulad"
    folder.mkdir(parents=True)
    write(folder, open_university())
    module = ModuleType("module")
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in oulad.FILES}
    module.__dict__.update(FOLDER="oulad", FILES=sums | {CLICKS: ""}, SOURCE=oulad.SOURCE, needed=oulad.needed)
    assert folder_for(module, {"clicks": True}, tmp_path / "mirror") == folder
    (folder / CLICKS).write_text("another", encoding="ascii")
    assert folder_for(module, {"clicks": True}, tmp_path / "mirror") == folder
    (folder / INFO).write_text("another", encoding="ascii")
    with pytest.raises(RawFileError, match=r"studentInfo\.csv has SHA-256"):
        folder_for(module, {}, tmp_path / "mirror")


def test_a_file_without_a_checksum_is_never_downloaded(tmp_path: Path) -> None:
    with pytest.raises(NotAvailableError) as error:
        locate("oulad", {CLICKS: ""}, None, tmp_path, {CLICKS: "http://127.0.0.1:9/studentVle.csv"}, oulad.SOURCE)
    assert f"Get the file from {oulad.SOURCE}, put it at {tmp_path / 'oulad' / CLICKS}" in str(error.value)


# bad input


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            put(open_university(), INFO, 3, final_result="Gone"),
            "Info.csv, row 4: final_result is 'Gone'; expected one of Withdrawn, Fail",
        ),
        (
            put(open_university(), INFO, 3, code_presentation="2015B"),
            "row 4: code_presentation is '2015B'; expected one of 2013B",
        ),
        (
            put(open_university(), INFO, 3, studied_credits=-1),
            "row 4: studied_credits is '-1'; expected a whole number from 0",
        ),
        (put(open_university(), INFO, 3, region=""), "Info.csv, row 4: region is ''; expected a text"),
        (put(open_university(), INFO, 3, studied_credits="many"), "row 4: studied_credits is 'many'"),
        (plus(open_university(), INFO), "Info.csv, row 32: .*id_student is 1; expected each once"),
        (plus(open_university(), REGISTRATIONS), "Registration.csv, row 32: .*expected each once"),
        (
            plus(open_university(), INFO, id_student=99),
            "Info.csv, row 32: .*id_student is 99; expected an enrolment of studentRegistration.csv",
        ),
        (
            plus(open_university(), REGISTRATIONS, id_student=99),
            "row 32: .*id_student is 99; expected an enrolment of studentInfo",
        ),
        (
            plus(open_university(), HAND_INS, id_student=99),
            "Assessment.csv, row 12: .*id_student is 99; expected an enrolment",
        ),
        (
            plus(open_university(), HAND_INS, id_assessment=99),
            "row 12: id_assessment is '99'; expected an assessment of assessments.csv",
        ),
        (plus(open_university(), HAND_INS), "row 12: id_assessment is 1, id_student is 2; expected each once"),
        (
            put(open_university(), HAND_INS, 4, score=101),
            "row 3: score is '101'; expected a whole number from 0 to 100, or nothing",
        ),
        (put(open_university(), HAND_INS, 4, is_banked=2), "row 3: is_banked is '2'; expected one of 0, 1"),
        (
            put(open_university(), HAND_INS, 4, date_submitted=""),
            "row 3: date_submitted is ''; expected a whole number",
        ),
        (plus(open_university(), PLAN), "assessments.csv, row 7: id_assessment is 1; expected each once"),
        (plus(open_university(), CLICKS, id_student=99), "Vle.csv, row 62: .*id_student is 99; expected an enrolment"),
        (
            put(open_university(), CLICKS, 3, sum_click=0),
            "Vle.csv, row 4: sum_click is '0'; expected a whole number from 1",
        ),
        (put(open_university(), CLICKS, 3, id_site=""), "Vle.csv, row 4: id_site is ''; expected a whole number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_tables_are_refused(make: Any, tables: Tables, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(tables, clicks=True)


@pytest.mark.parametrize("file", list(oulad.FILES))
def test_other_files_are_refused(tmp_path: Path, file: str) -> None:
    text = (write(tmp_path, open_university()) / file).read_text(encoding="ascii")
    last = text.rstrip().rsplit(",", 2)[0]
    for content in (text.replace("id_", "no_").replace("code_", "no_"), last, text.encode("utf-16")):
        (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode("ascii"))
        with pytest.raises(ValueError, match=f"{file}(: expected one column| is not a whole table)"):
            oulad.make(tmp_path, [], clicks=True)


# the real files

SPLITS = {  # train, validation, test
    0: (9777, 2458, 15313),
    30: (9398, 2358, 14164),
    60: (9078, 2272, 13645),
    90: (8842, 2207, 13283),
}


@functools.cache
def real(cutoff: int, edges: str = "none", task: str = "multilabel") -> Dataset:
    """Made from the mirror's files; skips the test where there is no mirror."""
    folder = MIRROR / oulad.FOLDER
    missing = [name for name in oulad.needed(edges) if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"no {folder / missing[0]}; set SGN_MIRROR to a folder that holds {oulad.FOLDER}/")
    found = folder_for(oulad, {"edges": edges}, MIRROR)
    assert found is not None
    return oulad.make(found, ["2014"], cutoff=cutoff, edges=edges, task=task)


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("cutoff", "first", "second", "both"),
    [
        (0, (12235, 0.203, 0.465), (16936, 0.263, 0.485), 1520),
        (30, (11756, 0.167, 0.441), (15601, 0.191, 0.435), 1357),
        (60, (11350, 0.136, 0.421), (14910, 0.154, 0.409), 1206),
        (90, (11049, 0.113, 0.405), (14416, 0.124, 0.389), 1090),
    ],
)
def test_real_cohorts(cutoff: int, first: Any, second: Any, both: int) -> None:
    dataset = real(cutoff)
    split = dataset.splits["2014"]
    learned, persons = np.concatenate([split.train, split.validation]), dataset.persons
    assert persons is not None
    for nodes, (n, withdrawn, failed) in ((learned, first), (split.hidden, second)):
        assert len(nodes) == n
        assert dataset.labels[nodes].mean(0).tolist() == pytest.approx([withdrawn, failed], abs=0.0006)
    assert len(np.intersect1d(persons[learned], persons[split.hidden])) == both
    assert (len(split.train), len(split.validation), len(split.test)) == SPLITS[cutoff]
    assert not np.isin(persons[split.test], persons[learned]).any()
    assert dataset.graph.num_features == 55
    assert len(dataset.graph.edges.T) == 0


@pytest.mark.mirror
def test_real_results() -> None:
    dataset = real(30, task="result")
    for nodes, expected in (
        (~np.isin(np.arange(len(dataset.graph)), dataset.splits["2014"].hidden), [0.167, 0.275, 0.467, 0.091]),
        (dataset.splits["2014"].hidden, [0.191, 0.244, 0.440, 0.125]),
    ):
        shares = np.bincount(dataset.labels[nodes], minlength=4) / len(dataset.labels[nodes])
        assert shares.tolist() == pytest.approx(expected, abs=0.0006)


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("cutoff", "expected"), [(0, (0.604, 0.634)), (30, (0.657, 0.716)), (60, (0.670, 0.787)), (90, (0.676, 0.811))]
)
def test_real_features_predict_the_next_year(cutoff: int, expected: tuple[float, float]) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = real(cutoff)
    split, x = dataset.splits["2014"], dataset.graph.x.numpy()
    for labels, area in zip(dataset.labels.T, expected, strict=True):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
        scores = model.fit(x[split.train], labels[split.train]).decision_function(x[split.test])
        assert roc_auc_score(labels[split.test], scores) == pytest.approx(area, abs=0.03)


@pytest.mark.mirror
@pytest.mark.parametrize(("edges", "pairs", "isolated"), [("region", 120294, 1), ("day", 84093, 7330)])
def test_real_constructed_edges(edges: str, pairs: int, isolated: int) -> None:
    graph, plain = real(30, edges).graph, real(30).graph
    degrees = torch.bincount(graph.edges[0], minlength=len(graph))
    assert (graph.edges.shape[1], int((degrees == 0).sum())) == (2 * pairs, isolated)
    assert int(degrees.max()) == oulad_edges.NEIGHBORS
    assert torch.equal(graph.x, plain.x)
    assert graph.texts == plain.texts
