"""Teenage Friends and Lifestyle Study: which pupils take up smoking or cannabis, told from their friends' use?

Nodes are one year group of a secondary school in the west of Scotland, edges say who named whom as a friend. Friends
and habits come from the first two waves (1995, 1996), the outcome is the third (1997). There is no text.

L. Michell, P. West, "Peer pressure to smoke: the meaning depends on the method", Health Education Research 11(1), 1996;
C. Steglich, T. A. B. Snijders, M. Pearson, "Dynamic Networks and Behavior: Separating Selection from Influence",
Sociological Methodology 40(1), 2010; data at https://www.stats.ox.ac.uk/~snijders/siena/Glasgow_data.htm.
Level 2.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from benchmarks.data.dataset import Dataset, named, stratified_fold
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "glasgow_teenage"
FILES = {
    "friendship_edges.csv": "c0c48250b63d455fcf73dee7bd092ae1b05be87ad82c357d493372c7c40a4c70",
    "students.csv": "203fff8c5032c66ac22be1a5312011f1ddcf9617f3e4f3ca9a2ddfd87500204c",
}
SOURCE = (
    "https://www.stats.ox.ac.uk/~snijders/siena/Glasgow_data.htm, converted as docs/datasets/glasgow_teenage.md says"
)

LEVELS = {"tobacco": 3, "alcohol": 5, "cannabis": 4}  # of an answer; 1 is none
ONSETS = {"tobacco": "takes up smoking", "cannabis": "takes up cannabis"}
WAVES, OUTCOME = (1, 2), 3
FOLDS, REPETITIONS = 5, 10
TEXT = False
SPLITS = 50
REMARKS = (
    "Labeled is who used nothing of the substance at wave 2 and answered at wave 3; all others stay as context.",
    "A pupil who tried the substance at wave 1 and not at wave 2 counts as new when using it at wave 3.",
    "Few are labeled and fewer positive, so a fold tests on a handful: read intervals, not single scores.",
    "An edge weighs the number of waves, 1 or 2, in which the friend was named; a best friend weighs no more.",
    "Not checkable: why an answer is missing. Whoever gave none on alcohol rarely takes up anything later: perhaps who "
    "never drank skipped the question.",
    "Not checkable: when between two waves a pupil began.",
)


def make(raw: Path, splits: Sequence[str], substance: Literal["tobacco", "cannabis"] = "tobacco") -> Dataset:
    """All pupils, and whether those without `substance`, "tobacco" or "cannabis", at wave 2 use it at wave 3.

    Features and edges come from waves 1 and 2. A split is a fold, "0" to "49", of a stratified 5-fold
    cross-validation done ten times, "7" is repetition 1, fold 2. Raises ValueError for another substance or split,
    and for tables with missing columns, unknown or repeated pupils, or values outside the questionnaire.
    """
    if substance not in ONSETS:
        raise ValueError(f"no substance {substance!r}; there are {', '.join(ONSETS)}")
    pupils = _pupils(raw / "students.csv")
    named_friends = _friends(raw / "friendship_edges.csv", pupils.index)
    before, after = pupils[f"{substance}_{WAVES[-1]}"], pupils[f"{substance}_{OUTCOME}"]
    labels = np.where((before == 1) & after.notna(), after > 1, -1)
    if np.bincount(labels + 1, minlength=3)[1:].min() < FOLDS:
        raise ValueError(
            f"{raw / 'students.csv'}: of the pupils without {substance} at wave {WAVES[-1]}, {(labels == 1).sum()} use "
            f"it at wave {OUTCOME} and {(labels == 0).sum()} do not; {FOLDS} folds need {FOLDS} of either. "
            f"Get the file again: {SOURCE}"
        )
    x = _features(pupils)
    friends = named_friends[named_friends["wave"].isin(WAVES)].groupby(["source", "target"]).size()
    ends = [pupils.index.get_indexer(friends.index.get_level_values(side)) for side in ("source", "target")]
    folds = map(str, range(FOLDS * REPETITIONS))
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x.to_numpy(np.float32)),
            features=tuple(x.columns),
            texts=("",) * len(pupils),
            edges=torch.from_numpy(np.stack(ends).astype(np.int64)),
            weights=torch.from_numpy(friends.to_numpy(np.float32)),
            directed=True,
        ),
        labels=labels.astype(np.int64),
        task=Task("binary", ("abstains", "takes it up")),
        target=ONSETS[substance],
        text="none",
        replication="folds",
        splits=named(splits, {name: stratified_fold(labels, name, FOLDS, validation=0.25) for name in folds}),
        remarks=REMARKS,
        protected={"sex": np.where(pupils["sex_f"] == 1, "girl", "boy")},
    )


def _features(pupils: pd.DataFrame) -> pd.DataFrame:
    """Sex, age and the answers of waves 1 and 2, 0 for none; a missing answer is 0 with a mark of its own.

    Answers are often missing where a habit is, so the mark tells something.
    """
    columns = {"girl": pupils["sex_f"], "years over 13 at wave 1": pupils["age"] - 13}
    columns |= {f"{name}, wave {wave}": pupils[f"{name}_{wave}"] - 1 for name in LEVELS for wave in WAVES}
    marks = {f"{name}, missing": column.isna() for name, column in columns.items() if name != "girl"}
    return pd.DataFrame(columns).fillna(0).assign(**marks)


def _pupils(file: Path) -> pd.DataFrame:
    """Sex, age and answers at all waves by pupil number; NaN is a missing one."""
    answers = {f"{name}_{wave}": levels for name, levels in LEVELS.items() for wave in (*WAVES, OUTCOME)}
    pupils = _table(file, ("student", "sex_f", "age", *answers))
    repeated = pupils["student"].duplicated()
    if repeated.any():
        raise _wrong(file, repeated, f"student {pupils['student'][repeated].iloc[0]:g} stands there again")
    _check(file, pupils["student"], pupils["student"].isin(range(1000)), "a number from 0 to 999")
    _check(file, pupils["sex_f"], pupils["sex_f"].isin([0, 1]), "0 or 1")
    _check(file, pupils["age"], pupils["age"].between(10, 20) | pupils["age"].isna(), "an age from 10 to 20")
    for name, levels in answers.items():
        known = pupils[name].isin(range(1, levels + 1)) | pupils[name].isna()
        _check(file, pupils[name], known, f"an answer from 1 to {levels}")
    return pupils.astype({"student": np.int64}).set_index("student")


def _friends(file: Path, pupils: pd.Index) -> pd.DataFrame:
    """Wave, source and target of all friends named."""
    friends = _table(file, ("wave", "source", "target", "friend_code"))
    _check(file, friends["wave"], friends["wave"].isin([*WAVES, OUTCOME]), "a wave from 1 to 3")
    for side in ("source", "target"):
        _check(file, friends[side], friends[side].isin(pupils), "a student of students.csv")
    _check(file, friends["friend_code"], friends["friend_code"].isin([1, 2]), "1, best friend, or 2, friend")
    own, repeated = friends["source"] == friends["target"], friends.duplicated(["wave", "source", "target"])
    if own.any():
        raise _wrong(file, own, f"pupil {friends['source'][own].iloc[0]:g} names herself or himself")
    if repeated.any():
        raise _wrong(file, repeated, "the same friend of the same pupil stands there again for this wave")
    return friends


def _table(file: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Columns of a CSV file as numbers; an empty cell is NaN."""
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, index_col=False)
    except ValueError as error:  # includes bytes that are not UTF-8 and lines with too many cells
        raise ValueError(f"{file} is not a CSV file in UTF-8 ({error}). Get it again: {SOURCE}") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"{file} has no column {missing[0]!r}, only {', '.join(table.columns)}. Get it again: {SOURCE}"
        )
    table = table[list(columns)]
    numbers = table.apply(pd.to_numeric, errors="coerce")
    for column in columns:
        _check(file, table[column], numbers[column].notna() | (table[column] == ""), "a number")
    return numbers


def _check(file: Path, column: pd.Series, good: pd.Series, expected: str) -> None:
    """Raise ValueError for the first value of a column that is not good."""
    if not good.all():
        raise _wrong(file, ~good, f"{column.name} {column[~good].iloc[0]} is not {expected}")


def _wrong(file: Path, rows: pd.Series, what: str) -> ValueError:
    """An error about the first of the marked rows."""
    return ValueError(f"{file}, row {int(rows.argmax()) + 1} below the header: {what}. Get the file again: {SOURCE}")
