"""Add Health: in which grade is a pupil, told from friendships, in communities that no model has seen?

Nodes are pupils of grades 7 to 12 in 83 US communities who filled in the in-school questionnaire of 1994-95; edges say
who named whom as a friend. There is no text: this is the large control for the rows with a graph, and a test of
transfer. Communities are graphs of their own; some train, others validate, others are tested and hidden.

J. Moody, "Peer influence groups: identifying dense clusters in large networks", Social Networks 23 (2001);
K. M. Harris, J. R. Udry, National Longitudinal Study of Adolescent to Adult Health, https://addhealth.cpc.unc.edu.
Level 2.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import torch

from benchmarks.data.dataset import Dataset, Split, named
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "addhealth84"
FILES = {
    "students.csv.zst": "d0650fb435d8b8eb77208b78f126f6e3c0fe354a46b948a0f8e17ac9058ee054",
    "friendships.csv.zst": "6358d0186d84964df9933ac8b9fdac069eddc6a2f03dd578302a54ca27bc0bc0",
}
SOURCE = (
    "http://moreno.ss.uci.edu/data.html#adhealth (at web.archive.org), converted as docs/datasets/addhealth84.md says"
)

TEXT = False
SPLITS = ("fixed",)
GRADES = (7, 8, 9, 10, 11, 12)  # some are in 6 or did not say: they stay as context
INPUTS = {
    "sex": {0: "unreported", 1: "male", 2: "female"},
    "race": {0: "unreported", 1: "white", 2: "black", 3: "Hispanic", 4: "Asian", 5: "mixed or other"},
    "school": {-1: "the only one", 0: "code 0", 1: "code 1"},
}
TRAINING, VALIDATION = 50, 67  # the last community that trains, and that validates; those behind are tested
COMMUNITY, PUPIL = ["community", "student"], range(1, 10_000)
STUDENTS = {
    "community": range(1, 85),
    "student": PUPIL,
    **{name: range(min(codes), max(codes) + 1) for name, codes in INPUTS.items()},
    "grade": (0, 6, *GRADES),
}
FRIENDSHIPS = {"community": range(1, 85), "source": PUPIL, "target": PUPIL, "weight": range(1, 7)}
REMARKS = (
    "There is no text, so a language model can show nothing here; a template of the attributes is not made.",
    "In a hidden community nobody's grade is known, friends' grades included: what a graph adds is who names whom, how "
    "strongly, and of which sex, race and school.",
    "Where a community has two schools, the school's code says much about the grade; it is an input of every row.",
    "Grade and friends come from one questionnaire on one day, so nothing here is a forecast.",
    "Nominations are cut at five girls and five boys, and at the community's edge. Community 48 is not in the data.",
    "Not checkable: whether a pupil stands in two communities, for pupils are numbered anew in each.",
)


def make(raw: Path, splits: Sequence[str]) -> Dataset:
    """All pupils of all communities, and the grades of those in 7 to 12.

    The one split, "fixed", goes by community: 1 to 50 train, 51 to 67 validate, 68 to 84 are tested and hidden from
    training, pupils without a grade included. Raises ValueError for tables with missing columns, values that are no
    code of theirs, unknown or repeated pupils, and friendships with oneself or told twice.
    """
    pupils = _pupils(raw / "students.csv.zst")
    edges, weights = _edges(raw / "friendships.csv.zst", pupils)
    labels = pupils["grade"].to_numpy() - GRADES[0]
    labels[labels < 0] = -1
    x = pd.concat([_indicators(pupils[name], codes) for name, codes in INPUTS.items()], axis=1)
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x.to_numpy(np.float32)),
            features=tuple(x.columns),
            texts=("",) * len(pupils),
            edges=torch.from_numpy(edges),
            weights=torch.from_numpy(weights),
            directed=True,
        ),
        labels=labels,
        task=Task("multiclass", tuple(map(str, GRADES))),
        target="school grade",
        text="none",
        replication="fixed",
        splits=named(splits, {SPLITS[0]: _split(pupils["community"].to_numpy(), labels)}),
        remarks=REMARKS,
        protected={name: pupils[name].map({**INPUTS[name], 0: ""}).to_numpy(np.str_) for name in ("sex", "race")},
    )


def _indicators(values: pd.Series, codes: Mapping[int, str]) -> pd.DataFrame:
    """A column for each code, "unreported" included."""
    return pd.DataFrame({f"{values.name}: {word}": values == code for code, word in codes.items()})


def _split(community: np.ndarray, labels: np.ndarray) -> Split:
    """Communities of training, validation and test apart; everybody of the last is hidden."""
    known = labels >= 0
    return Split(
        train=np.flatnonzero(known & (community <= TRAINING)),
        validation=np.flatnonzero(known & (community > TRAINING) & (community <= VALIDATION)),
        test=np.flatnonzero(known & (community > VALIDATION)),
        hidden=np.flatnonzero(community > VALIDATION),
    )


def _pupils(file: Path) -> pd.DataFrame:
    """One row a pupil."""
    pupils = _table(file, STUDENTS)
    _refuse(file, pupils, pupils.duplicated(COMMUNITY), "this pupil stands there again")
    return pupils


def _edges(file: Path, pupils: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Who named whom [2, E], and how strong the tie is [E]: 1 for the name, 1 for each of five activities together."""
    ties = _table(file, FRIENDSHIPS)
    _refuse(file, ties, ties["source"] == ties["target"], "a pupil is their own friend")
    _refuse(file, ties, ties.duplicated(["community", "source", "target"]), "this friendship stands there again")
    number = pd.Index(_number(pupils["community"], pupils["student"]))
    ends = [number.get_indexer(_number(ties["community"], ties[side])) for side in ("source", "target")]
    for side, end in zip(("source", "target"), ends, strict=True):
        _refuse(file, ties, pd.Series(end < 0), f"the {side} is not in students.csv.zst")
    return np.stack(ends).astype(np.int64), ties["weight"].to_numpy(np.float32)


def _number(community: pd.Series, pupil: pd.Series) -> pd.Series:
    """One number for both."""
    return community * PUPIL.stop + pupil


def _table(file: Path, columns: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """Columns of a compressed CSV file as whole numbers out of those that each may hold."""
    try:
        table = pd.read_csv(pyarrow.input_stream(str(file), compression="zstd"), low_memory=False)
    except (OSError, ValueError) as error:  # includes half a file, bytes that are not UTF-8, lines with too many cells
        raise ValueError(f"{file} is not a whole CSV file in zstd ({error}). Get it again: {SOURCE}") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"{file} has no column {missing[0]!r}, only {', '.join(table.columns)}. Get it again: {SOURCE}"
        )
    table = table[list(columns)]
    for column, allowed in columns.items():
        wrong = ~pd.to_numeric(table[column], errors="coerce").isin(allowed)
        _refuse(file, table, wrong, f"{column} is no code from {allowed[0]} to {allowed[-1]}")
    return table.astype(np.int64)


def _refuse(file: Path, table: pd.DataFrame, rows: pd.Series, what: str) -> None:
    """Raise an error about the first of the marked rows, if there is one."""
    if rows.any():
        row = int(rows.argmax())
        content = ", ".join(f"{name} {value}" for name, value in table.iloc[row].items())
        raise ValueError(f"{file}, row {row + 1} below the header ({content}): {what}. Get the file again: {SOURCE}")
