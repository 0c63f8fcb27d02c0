"""ACT-MOOC: a small made-up course for what the building rules mean, the real one for the counts that are known."""

import functools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from conftest import MIRROR

from benchmarks.data.dataset import Dataset
from benchmarks.data.raw import folder_for
from benchmarks.datasets import act_mooc
from benchmarks.jobs.source import literal

DAY = 86_400
LOG, USERS = act_mooc.FILES
Row = tuple[object, object, object]


def course() -> list[Row]:
    """0 to 23 form three groups by what they do; 24 left at the end of day 7; 25 does only what all do."""
    rows: list[Row] = []
    for user in range(24):
        own = 1 + user % 3
        rows += [(user, 0, 0), (user, own, 3600), (user, own, 2 * DAY + user), (user, 9, 8 * DAY)]
    return [*rows, (24, 0, 0), (24, 0, 7 * DAY), (25, 0, 0), (25, 9, 7 * DAY + 1)]


def outcomes(students: int = 26) -> list[tuple[object, object]]:
    """Odd students drop out."""
    return [(user, user % 2) for user in range(students)]


def saved(folder: Path, rows: list[Row], users: list[tuple[object, object]] | None = None) -> Path:
    """A folder with the two tables."""
    lines = ["USERID,TARGETID,T_REL", *(",".join(map(str, row)) for row in rows)]
    with pa.output_stream(folder / LOG, compression="zstd") as file:
        file.write("\n".join([*lines, ""]).encode())
    lines = ["USERID,DROPOUT", *(",".join(map(str, row)) for row in users or outcomes())]
    (folder / USERS).write_text("\n".join([*lines, ""]), encoding="utf-8")
    return folder


def truncated(rows: list[Row], cutoff: int) -> list[Row]:
    """The log up to the cut-off, and of whoever acts later, that they do: one action a second after it."""
    later = {row[0]: (row[0], 0, cutoff * DAY + 1) for row in rows if row[2] > cutoff * DAY}  # type: ignore[operator]
    return [*(row for row in rows if row[2] <= cutoff * DAY), *later.values()]  # type: ignore[operator]


def differences(a: Dataset, b: Dataset) -> set[str]:
    """What of the inputs differs."""
    different = {"texts"} if a.graph.texts != b.graph.texts else set()
    different |= {"features"} if a.graph.features != b.graph.features else set()
    return different | {
        name for name in ("x", "edges", "weights") if not torch.equal(getattr(a.graph, name), getattr(b.graph, name))
    }


@pytest.fixture
def real() -> Path:
    """The folder with the real files, checked."""
    folder = MIRROR / act_mooc.FOLDER
    if not all((folder / name).is_file() for name in act_mooc.FILES):
        pytest.skip(f"no {act_mooc.FOLDER}/ with its files in {MIRROR}; set SGN_MIRROR to a folder that holds it")
    checked = folder_for(act_mooc, {}, MIRROR)
    assert checked is not None
    return checked


def test_what_planning_reads_is_literal() -> None:
    for name in ("FOLDER", "FILES", "SOURCE"):
        assert literal(act_mooc.__name__, name) == getattr(act_mooc, name)
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in act_mooc.FILES.values())


def test_cohort_is_who_acts_after_the_cutoff(tmp_path: Path) -> None:
    dataset = act_mooc.make(saved(tmp_path, course()), [])
    assert dataset.labels.tolist() == [0, 1] * 12 + [1], "24, whose last action is at the cut-off, is none of them"
    assert dataset.text == "template"
    assert dataset.lead is not None
    assert dataset.lead.tolist() == pytest.approx([1.0] * 24 + [1 / DAY]), "until the last action"


def test_text_has_totals_then_days_newest_first(tmp_path: Path) -> None:
    more: list[Row] = [(1, 7, 3601), (1, 2, 3602), (1, 8, 2 * DAY + 1), (1, 8, 2 * DAY + 1)]
    texts = act_mooc.make(saved(tmp_path, [*course(), *more]), []).graph.texts
    assert texts[0] == (
        "Actions 3, activities 2, active days 2 of 7, last after 2.0 days. Day 2: activity 1. Day 1: activity 1, 0."
    ), "a day ends with its last second"
    assert texts[1] == (
        "Actions 7, activities 4, active days 2 of 7, last after 2.0 days. "
        "Day 3: activity 8 x2, 2. Day 1: activity 2 x2, 7, 0."
    )
    assert texts[-1] == "Actions 1, activities 1, active days 1 of 7, last after 0.0 days. Day 1: activity 0."


def test_features_are_totals_and_counts(tmp_path: Path) -> None:
    graph = act_mooc.make(saved(tmp_path, course()), []).graph
    activities = ("activity 0", "activity 1", "activity 2", "activity 3")
    assert graph.features == ("actions", "activities", "active days", "days since last action", *activities)
    expected = [np.log(4), np.log(3), 2, 5, np.log(2), np.log(3), 0, 0]
    assert graph.x[0].tolist() == pytest.approx(expected)


def test_edges_lead_to_who_did_the_same(tmp_path: Path) -> None:
    graph = act_mooc.make(saved(tmp_path, course()), []).graph
    same = {(a, b) for a in range(24) for b in range(24) if a != b and a % 3 == b % 3}
    assert {(a, b) for a, b in graph.edges.T.tolist()} == same
    assert graph.weights.tolist() == pytest.approx([1] * len(same))
    assert 24 not in graph.edges, "who did only what all do is like nobody, and stays"
    assert not graph.directed


def test_weight_is_the_cosine_of_rare_activities(tmp_path: Path) -> None:
    graph = act_mooc.make(saved(tmp_path, [*course(), (0, 2, 60)]), []).graph
    weights = {(a, b): weight for (a, b), weight in zip(graph.edges.T.tolist(), graph.weights.tolist(), strict=True)}
    own, other = np.log(1 + 2) * np.log(25 / 8), np.log(1 + 1) * np.log(25 / 9)  # how often, and how many of 25 did it
    assert weights[0, 3] == weights[3, 0] == pytest.approx(own / np.hypot(own, other), abs=1e-6)
    assert weights[3, 6] == 1


def test_equals_are_chosen_neither_by_number_nor_all_the_same(tmp_path: Path) -> None:
    rows = [row for user in range(60) for row in ((user, user % 2, 0), (user, 5, 8 * DAY))]
    users = [(user, user // 30) for user in range(60)]
    graph = act_mooc.make(saved(tmp_path, list(rows), list(users)), []).graph
    assert np.bincount(graph.edges[0].numpy()).tolist() == [2 * act_mooc.NEIGHBORS] * 60
    next_numbers = (graph.edges[1] - graph.edges[0] == 2).sum()
    assert 20 < next_numbers < 55, "20 of 29 in each group by chance, all 58 if the number decided"


def test_splits(tmp_path: Path) -> None:
    folder = saved(tmp_path, course())
    dataset = act_mooc.make(folder, ["0", "7", "14"])
    assert dataset.replication == "folds"
    assert {(len(s.train), len(s.validation), len(s.test)) for s in dataset.splits.values()} == {(15, 5, 5)}
    fixed = act_mooc.make(folder, ["fixed"])
    assert fixed.replication == "fixed"
    assert fixed.splits["fixed"].validation.tolist() == [3, 8, 13, 18, 23]
    assert fixed.splits["fixed"].test.tolist() == [4, 9, 14, 19], "student numbers decide, not rows: 24 is not there"
    assert 24 in fixed.splits["fixed"].train, "25"
    with pytest.raises(ValueError, match=r"no split '15'; there are 0, 1, .*, 14, fixed"):
        act_mooc.make(folder, ["15"])
    with pytest.raises(ValueError, match="split 'fixed' stands alone"):
        act_mooc.make(folder, ["fixed", "0"])


def test_nothing_after_the_cutoff_is_seen(tmp_path: Path) -> None:
    full, cut = course(), truncated(course(), 7)
    a, b = (act_mooc.make(saved(tmp_path, rows), []) for rows in (full, cut))
    assert (7, 9, 8 * DAY) in set(full) - set(cut), "there is something to cut"
    assert differences(a, b) == set()


def test_the_comparison_would_see_a_leak(tmp_path: Path) -> None:
    planted: list[Row] = [*course(), (0, 50, 7 * DAY + 1), (1, 50, 7 * DAY + 1)]
    before = act_mooc.make(saved(tmp_path, course()), [])
    assert differences(before, act_mooc.make(saved(tmp_path, planted), [])) == set()
    users = [(user, user % 2) for user in range(26)]
    ignoring, spoiled = (act_mooc.make(saved(tmp_path, [*rows, *late()], users), [], 8) for rows in (course(), planted))
    assert differences(ignoring, spoiled) == {"features", "x", "texts", "edges", "weights"}


def late() -> list[Row]:
    """Something on day 9 of everybody, so that a cut-off on day 8 has a cohort."""
    return [(user, 9, 8 * DAY + 60) for user in range(26)]


def test_outcomes_are_no_input(tmp_path: Path) -> None:
    other = [(user, 1 - user % 2) for user in range(26)]
    a, b = (act_mooc.make(saved(tmp_path, course(), list(users)), []) for users in (outcomes(), other))
    assert differences(a, b) == set()
    assert (a.labels != b.labels).all()


@pytest.mark.parametrize("cutoff", [-1, 0, 8, 100])
def test_cutoff_that_leaves_nothing(tmp_path: Path, cutoff: int) -> None:
    with pytest.raises(ValueError, match=f"cutoff = {cutoff} leaves .* students, .* choose a number of days from 1"):
        act_mooc.make(saved(tmp_path, course()), [], cutoff=cutoff)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((99, 0, 0), "row 102: USERID is '99'; expected a USERID of users.csv"),
        ((3, 0, ""), "row 102: T_REL is ''; expected a whole number from 0 to"),
        ((3, 0, -5), "row 102: T_REL is '-5'; expected a whole number from 0 to"),
        ((3, 1.5, 7), "row 102: TARGETID is '1.5'; expected a whole number from 0"),
        ((3, 1, "x"), "row 102: T_REL is 'x'; expected a whole number from 0"),
        ((3, 1, "inf"), "row 102: T_REL is 'inf'; expected a whole number from 0"),
        ((3, 1, 2, 4), "is not a whole table .*Row #102: Expected 3 columns, got 4"),
    ],
    ids=["stranger", "empty", "negative", "half", "word", "infinite", "too long"],
)
def test_bad_actions(tmp_path: Path, more: Row, message: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s)actions_rel\.csv\.zst.*{message}"):
        act_mooc.make(saved(tmp_path, [*course(), more]), [])


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([*outcomes(), (3, 1)], r"users\.csv, row 28: USERID is 3; expected each once"),
        ([*outcomes()[:-1], (25, 2)], r"users\.csv, row 27: DROPOUT is '2'; expected one of 0, 1"),
        ([*outcomes(), (26, 0)], r"actions_rel\.csv\.zst: USERID 26 has no action with T_REL 0"),
    ],
    ids=["twice", "outcome", "no actions"],
)
def test_bad_users(tmp_path: Path, users: list[tuple[object, object]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act_mooc.make(saved(tmp_path, course(), users), [])


def test_times_of_another_clock(tmp_path: Path) -> None:
    rows = [(user, activity, time + 17 * (user == 5)) for user, activity, time in course()]  # type: ignore[operator]
    with pytest.raises(ValueError, match="USERID 5 has no action with T_REL 0, and all clocks start there"):
        act_mooc.make(saved(tmp_path, list(rows)), [])


def test_tables_that_are_none(tmp_path: Path) -> None:
    def cut(content: bytes) -> bytes:
        return content[: len(content) // 2]

    spoilers: list[Callable[[bytes], bytes]] = [cut, lambda content: b"", lambda content: b"no compressed file"]
    for spoil in spoilers:
        file = saved(tmp_path, course()) / LOG
        file.write_bytes(spoil(file.read_bytes()))
        with pytest.raises(ValueError, match=r"actions_rel\.csv\.zst is not a whole table"):
            act_mooc.make(tmp_path, [])
    saved(tmp_path, course())
    (tmp_path / USERS).write_text("USERID,LABEL\n0,1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"users\.csv: expected one column 'DROPOUT'; there are USERID, LABEL"):
        act_mooc.make(tmp_path, [])


# The real files


@functools.cache
def whole(folder: Path, cutoff: int) -> Dataset:
    """The dataset of the whole log with five folds, made once."""
    return act_mooc.make(folder, list("01234"), cutoff=cutoff)


@pytest.mark.mirror
@pytest.mark.parametrize(
    ("cutoff", "students", "positive"), [(1, 5175, 0.456), (3, 4695, 0.423), (7, 3997, 0.375), (14, 2901, 0.284)]
)
def test_counts(real: Path, cutoff: int, students: int, positive: float) -> None:
    dataset = whole(real, cutoff)
    assert len(dataset.graph) == students
    assert dataset.labels.mean() == pytest.approx(positive, abs=5e-4)
    assert len(dataset.graph.edges.unique()) == students, "nobody is isolated"
    assert dataset.graph.edges.shape[1] < 2 * act_mooc.NEIGHBORS * students


@pytest.mark.mirror
def test_counts_of_day_7(real: Path) -> None:
    dataset = act_mooc.make(real, ["fixed"])
    counts = dataset.graph.x[:, 4:].double().expm1()
    assert counts.sum().round() == 133_981
    assert torch.equal(counts.sum(1).round(), dataset.graph.x[:, 0].double().expm1().round())
    split = dataset.splits["fixed"]
    sizes = {name: (len(ids), dataset.labels[ids].sum()) for name, ids in vars(split).items() if name != "hidden"}
    assert sizes == {"train": (2419, 913), "validation": (785, 297), "test": (793, 288)}


@pytest.mark.mirror
def test_real_log_truncated(real: Path, tmp_path: Path) -> None:
    with pa.input_stream(real / LOG) as file:
        log = pd.read_csv(file)
    assert len(log) == 411_749
    later = log[log["T_REL"] > 7 * DAY].drop_duplicates("USERID").assign(TARGETID=0, T_REL=7 * DAY + 1)
    with pa.output_stream(tmp_path / LOG, compression="zstd") as file:
        file.write(pd.concat([log[log["T_REL"] <= 7 * DAY], later]).to_csv(index=False).encode())
    (tmp_path / USERS).write_bytes((real / USERS).read_bytes())
    assert differences(whole(real, 7), act_mooc.make(tmp_path, [])) == set()


@pytest.mark.mirror
def test_activity_tells_dropout(real: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dataset = whole(real, 7)
    neighbors = dataset.graph.incoming @ torch.from_numpy(dataset.labels).float()[:, None]
    totals, scores, by_neighbors = dataset.graph.x[:, :4].numpy(), [], []
    for split in dataset.splits.values():
        train, test = np.concatenate([split.train, split.validation]), split.test
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(totals[train], dataset.labels[train])
        scores.append(roc_auc_score(dataset.labels[test], model.decision_function(totals[test])))
        by_neighbors.append(roc_auc_score(dataset.labels[test], neighbors[test].squeeze(1).numpy()))
    assert 0.60 < np.mean(scores) < 0.69  # 0.64
    assert 0.55 < np.mean(by_neighbors) < 0.67  # 0.61
