"""Physics pass or fail: who fails an introductory mechanics course, told from whom students say they work with?

Nodes are the students of a Danish first-year course in 2010 who got a grade. Seven weekly surveys asked them with
whom they communicated about solving problems, about concepts, and socially in class; an edge says who named whom, and
its weight in how many week-layers so far. There is no text at all: this is a small control for the rows with a graph.

J. Bruun, E. Brewe, "Talking and learning physics", Phys. Rev. ST Phys. Educ. Res. 9, 020109 (2013),
https://doi.org/10.1103/PhysRevSTPER.9.020109. Later grades ("sog") are the future of the course and are not read.
Level 2.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from benchmarks.data.dataset import Dataset, stratified_fold
from benchmarks.data.raw import RawFileError
from benchmarks.data.tables import Column, read_table, refuse
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "physics_passfail"
# ruff: disable[E501]
FILES = {
    "SNA_ESERA2013.csv": "218693327f3b9e50f5973c8791d51aeb09e2ecb0ee8a2be13cafdb5f147d9bc8",
    "fci_pre_sog.csv": "4d591e3b38f5fd9a2470a49f30907c06e3fc603e6f9bcc0b964d3b05deddfebf",
    "networks/week36-37Standardized/week36-37physStandQ1.net": "95a8f0c390ee8c7fdc8384ae8d3ecd288a1f4d3535eb22961a88edf6cedf86c6",
    "networks/week36-37Standardized/week36-37physStandQ2.net": "f921dc2a3cf87d1ff14567adbf0580abb36b68eea39c9261fef3cb295f97830a",
    "networks/week36-37Standardized/week36-37socStandQ1.net": "5f397b54a44a1f26cd55aee5acab440a26cb38bffaf26316a0ec39a766ee2565",
    "networks/week38Standardized/AnonymousWeek38SocStandQ1.net": "952df5f4c69795ec29d9d931a875ac58f190b71613d3a47fc6c3e75b653464e7",
    "networks/week38Standardized/AnonymousWeek38physStandQ1.net": "80ee13a889557f4b1e26d69f53555cdea62386c8c875fc53fa4ab8a61911d734",
    "networks/week38Standardized/AnonymousWeek38physStandQ2.net": "36facf350719a027e059ff87dcc0a823b1bd9cd43e4d73cc1c914be1e14d3086",
    "networks/week39Standardized/week39physStandQ1.net": "f799247e150874680325438d1f5cb71c203920563088637e5a8736ed24a9edd4",
    "networks/week39Standardized/week39physStandQ2.net": "e68c158c6930dcf8eb070a1ec928bcf1eedbfea077353b385cebc484a0f0af26",
    "networks/week39Standardized/week39socStandQ1.net": "14df5059f18e478e493aa10d87d4de20d6402ca58cfec215f6ae3378f0d6db87",
    "networks/week40Standardized/week40physStandQ1.net": "a5732781e2caa60de7f6a3fcd267c554cfbe440da2b3b66810cea6828beac256",
    "networks/week40Standardized/week40physStandQ2.net": "da57016d6e3628775ff7241c894b16657f37aaf872cb624a79a5557d8b0614b4",
    "networks/week40Standardized/week40socStandQ1.net": "9c8a9e3064d8bf2231b4064595e9c39919eb5b54aae0dfb676343e04a3921023",
    "networks/week42Standardized/week42physStandQ1.net": "25a28db384212004b7698a977fb9e2d2df2977c2430f945f2f5288f79a1e76c3",
    "networks/week42Standardized/week42physStandQ2.net": "20524cc32d42bb0a68c80c3ca11629fb1fffd3122ae45f2a5700ebd47af7bab6",
    "networks/week42Standardized/week42socStandQ1.net": "0a95c0e69fd5cc77ceea2751b52119cb480c7bc6c00ebd4074a2751d58ddb73e",
    "networks/week43Standardized/week43physStandQ1.net": "18cf258715ad40fb317e0d131743ee0df5f9f71f9cc68703605aad8907b1dcdd",
    "networks/week43Standardized/week43physStandQ2.net": "60f7a8e5bbee588c522a0831abaf149161cad7fcf4c36d60ad8defc0ae20e2b7",
    "networks/week43Standardized/week43socStandQ1.net": "ea0a05f77f32964d21b47d773d7b74a5c29f99d29763b7433b6ec8a7c76182a1",
    "networks/week44Standardized/week44physQ1Standardized.net": "0f1c16c65a699003e945c0b601d6b4b53eb5d6ac1bb6d155a68f1461b3dfda00",
    "networks/week44Standardized/week44physQ2Standardized.net": "a25becbb2e55bb9333c26a3d630679ea93302fb0c550f6890cf4fe991fc4bccf",
    "networks/week44Standardized/week44socQ1Standardized.net": "02fd89efb95b9a477519788ad99ba7d489df18a06cab8011159e9b231c562824",
}
# ruff: enable[E501]
SOURCE = (
    "https://github.com/jbruun/classify-passfail, folder data/; fci_pre_sog.csv is the columns ID, fci_pre, sog, "
    "of which the last two stand as vectors in that repository's loading script"
)

SURVEYS = (36, 38, 39, 40, 42, 43, 44)  # weeks of the year; 36 stands for one survey about weeks 36 and 37
PEOPLE, PRETEST = "SNA_ESERA2013.csv", "fci_pre_sog.csv"
GRADES = (-3, 0, 2, 4, 7, 10, 12)  # the Danish scale
PASSED = 2
MISSING = 100  # code of an unknown age or study group, and of no grade
YOUNGEST = 18  # years
CODE = Column(int, range(1, MISSING + 1))
FOLDS = 5
TEXT = False
SPLITS = 50  # ten times five folds


def needed(week: int) -> list[str]:
    """Raw files up to the survey of `week`, so that a later one is not even there; ValueError for another week."""
    if week not in SURVEYS:
        raise ValueError(f"no survey in week {week!r}; there are {', '.join(map(str, SURVEYS))}")
    networks = [name for name in FILES if name.startswith("networks/")]
    return [PEOPLE, PRETEST, *(name for name in networks if int(name.removeprefix("networks/week")[:2]) <= week)]


def make(raw: Path, splits: Sequence[str], week: Literal[36, 38, 39, 40, 42, 43, 44]) -> Dataset:
    """Graded students, whom they named in the surveys up to `week` (36, 38, 39, 40, 42, 43 or 44), and who failed.

    The cohort is who has a grade, whichever it is: the authors take the others for teachers. A split is a fold of a
    repeated stratified 5-fold cross-validation, "7" is repetition 1, fold 2. Raises ValueError for another week, and
    for tables and networks that do not fit together.
    """
    names = needed(week)
    people = _people(raw)
    students = people[people["Course Grade"] != MISSING]
    labels = (students["Course Grade"] < PASSED).to_numpy(np.int64)
    x = _features(students)
    named = [_named(raw / name, len(people)) for name in names if name.startswith("networks/")]
    edges, weights = _edges(named, students["ID"].to_numpy(np.int64), len(people))
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x.to_numpy(np.float32)),
            features=tuple(x.columns),
            texts=("",) * len(students),
            edges=torch.from_numpy(edges),
            weights=torch.from_numpy(weights),
            directed=True,
        ),
        labels=labels,
        task=Task("binary", ("passes", "fails")),
        target="fails the course",
        text="none",
        replication="folds",
        protected={"gender": np.char.add("code ", students["Gender"].to_numpy(np.int64).astype(str))},
        splits={name: stratified_fold(labels, name, FOLDS, validation=0.25) for name in map(str, splits)},
        remarks=(
            "There is no text, so a language model can show nothing here; a template of the attributes is not made.",
            "An arc's time is the week of its survey; week 36 is one survey about weeks 36 and 37.",
            "An unknown age or pretest is 0, with a flag, so that nobody's value depends on others'; the flag of the "
            "pretest tells who was absent at the start, which is known at every cut-off and says much.",
            "Not checkable: who answered. Somebody who names nobody in a week may have given no answer.",
            "Not checkable: who the people without a grade are. The authors remove them as teachers; some have a "
            "student's age, and may be students who did not take the exam.",
        ),
    )


def _features(students: pd.DataFrame) -> pd.DataFrame:
    """What is known of each student before the course: background and pretest; a missing one is 0 with a flag."""
    age = students["Age"].where(students["Age"] != MISSING)
    pretest, group = students["fci_pre"], students["Cohort"]
    columns = {
        "gender code": students["Gender"],
        "years over 18": (age - YOUNGEST).fillna(0),
        "age missing": age.isna(),
        "pretest": pretest.fillna(0),
        "pretest missing": pretest.isna(),
    }
    groups = sorted(set(group.astype(int)) - {MISSING})
    return pd.DataFrame(columns | {f"study group: {code}": group == code for code in groups}).astype(np.float32)


def _edges(named: list[np.ndarray], cohort: np.ndarray, people: int) -> tuple[np.ndarray, np.ndarray]:
    """Arcs [2, E] inside the cohort of ids [N], and in how many of the week-layers `named` each stands [E]."""
    arcs, layers = np.unique(np.concatenate(named), axis=0, return_counts=True)
    position = np.full(people + 1, -1)
    position[cohort] = np.arange(len(cohort))
    ends = position[arcs]
    inside = (ends >= 0).all(axis=1)
    return ends[inside].T.copy(), layers[inside].astype(np.float32)


def _named(file: Path, people: int) -> np.ndarray:
    """Who named whom [n, 2] in one week-layer, each pair once and nobody themselves; ids as in the file.

    The third value of an arc is 0 where somebody was named in another layer of that survey: such arcs are dropped.
    Without a third value the arc counts.
    """
    lines = [line.strip() for line in file.read_text(encoding="ascii", errors="replace").splitlines()]
    if lines[:1] != [f"*Vertices {people}"] or "*Arcs" not in lines:
        raise RawFileError(f"{file}: not a Pajek file that begins with '*Vertices {people}' and has a line '*Arcs'")
    head = lines.index("*Arcs") + 1
    arcs = pd.Series(lines[head:], range(head + 1, len(lines) + 1), dtype=str).str.split(expand=True)
    if arcs.shape[1] not in (2, 3):
        raise RawFileError(f"{file}: an arc of {arcs.shape[1]} values below *Arcs; expected 2 or 3")
    arcs = arcs.reindex(columns=range(3), fill_value="1").fillna({2: "1"}).set_axis(["from", "to", "value"], axis=1)
    for end in ("from", "to"):
        known = arcs[end].isin([str(i) for i in range(1, people + 1)])
        refuse(file, arcs[end], ~known, f"an ID of {PEOPLE}")
    refuse(file, arcs["value"], ~arcs["value"].isin(["0", "1"]), "0 or 1")
    kept = arcs[(arcs["value"] == "1") & (arcs["from"] != arcs["to"])]
    return np.unique(kept[["from", "to"]].to_numpy(np.int64), axis=0)


def _people(raw: Path) -> pd.DataFrame:
    """Everybody who stands in the networks, in the order of their numbers there: ID, attributes, grade and pretest."""
    grade = Column(int, (*GRADES, MISSING))
    columns = {"Gender": Column(int, (0, 1)), "Age": CODE, "Cohort": CODE, "Course Grade": grade}
    people = read_table(raw / PEOPLE, {"ID": Column(int), **columns})
    pretest = read_table(raw / PRETEST, {"ID": Column(int), "fci_pre": Column(int, range(31), empty=True)})
    for name, table in ((PEOPLE, people), (PRETEST, pretest)):
        refuse(raw / name, table["ID"], table["ID"] != np.arange(len(table)) + 1, "1, 2, 3 and so on")
    if len(people) != len(pretest):
        raise RawFileError(f"{raw / PRETEST}: {len(pretest)} people, but {PEOPLE} has {len(people)}")
    return people.assign(fci_pre=pretest["fci_pre"])
