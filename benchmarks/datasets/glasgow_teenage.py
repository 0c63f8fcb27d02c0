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
from benchmarks.data.raw import RawFileError
from benchmarks.data.tables import Column, read_table, refuse
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
        raise RawFileError(
            f"{raw / 'students.csv'}: of the pupils without {substance} at wave {WAVES[-1]}, {(labels == 1).sum()} use "
            f"it at wave {OUTCOME} and {(labels == 0).sum()} do not; {FOLDS} folds need {FOLDS} of either"
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
    columns = {
        "student": Column(int, range(1000)),
        "sex_f": Column(int, (0, 1)),
        "age": Column(float, range(10, 21), empty=True),
    }
    for name, levels in LEVELS.items():
        columns |= {f"{name}_{wave}": Column(int, range(1, levels + 1), empty=True) for wave in (*WAVES, OUTCOME)}
    return read_table(file, columns, key=["student"]).set_index("student")


def _friends(file: Path, pupils: pd.Index) -> pd.DataFrame:
    """Wave, source and target of all friends named."""
    pupil = Column(int, pupils, "a student of students.csv")
    code = Column(int, (1, 2), "1, best friend, or 2, friend")
    columns = {"wave": Column(int, (*WAVES, OUTCOME)), "source": pupil, "target": pupil, "friend_code": code}
    friends = read_table(file, columns, key=["wave", "source", "target"])
    refuse(file, friends[["source", "target"]], friends["source"] == friends["target"], "two pupils")
    return friends
