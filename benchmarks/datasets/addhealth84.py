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
import torch

from benchmarks.data.dataset import Dataset, Split, named
from benchmarks.data.tables import Column, read_table, refuse
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
COMMUNITY, PUPIL = Column(int, range(1, 85)), Column(int, range(1, 10_000))
STUDENTS = {
    "community": COMMUNITY,
    "student": PUPIL,
    **{name: Column(int, tuple(codes)) for name, codes in INPUTS.items()},
    "grade": Column(int, (0, 6, *GRADES)),
}
FRIENDSHIPS = {"community": COMMUNITY, "source": PUPIL, "target": PUPIL, "weight": Column(int, range(1, 7))}
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
    pupils = read_table(raw / "students.csv.zst", STUDENTS, key=["community", "student"])
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


def _edges(file: Path, pupils: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Who named whom [2, E], and how strong the tie is [E]: 1 for the name, 1 for each of five activities together."""
    ties = read_table(file, FRIENDSHIPS, key=["community", "source", "target"])
    refuse(file, ties[["source", "target"]], ties["source"] == ties["target"], "two pupils")
    place = pd.Index(_number(pupils["community"], pupils["student"]))
    ends = {side: place.get_indexer(_number(ties["community"], ties[side])) for side in ("source", "target")}
    for side, end in ends.items():
        refuse(file, ties[["community", side]], end < 0, "a pupil of students.csv.zst")
    return np.stack(list(ends.values())).astype(np.int64), ties["weight"].to_numpy(np.float32)


def _number(community: pd.Series, pupil: pd.Series) -> pd.Series:
    """One number for both."""
    return community * 10_000 + pupil
