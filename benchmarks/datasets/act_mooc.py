"""ACT-MOOC: which students of an online course drop out, told from what they did in their own first days?

Nodes are students who are still there at the cut-off, edges lead to those who were busy with the same activities.
Nobody's words are in the data: the text is the log of actions put into words, and it is called a template.

S. Kumar, X. Zhang, J. Leskovec, "Predicting Dynamic Embedding Trajectory in Temporal Interaction Networks", KDD 2019,
https://arxiv.org/abs/1908.01207. Each student's clock starts at the own first action, so their task, which needs one
clock for all, cannot be run. Ids follow the order in which students came and are no input.
Level 2.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
import torch

from benchmarks.data.dataset import Dataset, Split, named, stratified_fold
from benchmarks.data.raw import RawFileError
from benchmarks.data.tables import Column, read_table
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "act_mooc"
FILES = {
    "actions_rel.csv.zst": "900bf1c51fc0fe40da50a6aeb304440a89f1f1f15b999edb550d443590cef4d0",
    "users.csv": "b0b55ec37208e6ed71f16b4dddb8d3dac5d02320963d5c1159597422040bd79c",
}
SOURCE = "https://snap.stanford.edu/data/act-mooc.html, converted as docs/datasets/act_mooc.md says"

DAY = 86_400  # seconds
NEIGHBORS = 10  # that a student asks for; who is asked has more
FOLDS, REPETITIONS = 5, 3
SPLITS = (15, "fixed")  # folds by their number, three times five
RANGES = {"cutoff": (1, None)}
FIXED = "fixed"  # the split by student number modulo 5: 0 to 2 train, 3 validates, 4 is tested
COUNT = Column(int, range(2**31))
RESOLUTION = 10**6  # of similarities, so that rounding errors of a machine do not order neighbors
REMARKS = (
    "The cohort is everybody with an action after the cut-off, for only their outcome is still open. On the day itself "
    "nobody knows who they are: a score says how well they are told apart, not how well all students are.",
    "Not checkable: what was known at a moment of the calendar. Each student's clock starts at 0, so a neighbor's "
    "first days may lie after the outcome of a student who came earlier.",
    "Not checkable: whether late starters stayed. The record ends for all at once, about a month after it began.",
    "The text gives totals first and then the days, newest first, so that a short window keeps the newest.",
)


def make(raw: Path, splits: Sequence[str], cutoff: int = 7) -> Dataset:
    """Students with an action after day `cutoff` of their own clock, and whether the record calls them dropouts.

    Features, text and edges come from the cohort's actions up to `cutoff` days, that second included. A split is a
    fold, "0" to "14", of a stratified 5-fold cross-validation done three times, "7" is repetition 1, fold 2; or it is
    "fixed", which stands alone. Raises ValueError for tables with missing columns, wrong numbers, or unknown,
    repeated or missing students, for another split, or a `cutoff` that leaves too few of one outcome.
    """
    outcomes = _outcomes(raw / "users.csv")
    actions = _actions(raw / "actions_rel.csv.zst", outcomes.index)
    late = actions["T_REL"] > cutoff * DAY
    cohort = pd.Index(np.unique(actions["USERID"][late]))
    labels = np.array(outcomes[cohort])
    if cutoff < 1 or np.bincount(labels, minlength=2).min() < FOLDS:
        raise ValueError(
            f"cutoff = {cutoff} leaves {len(cohort)} students, {labels.sum()} of whom drop out: {FOLDS} folds need "
            f"{FOLDS} of either outcome, so choose a number of days from 1 on, and not too many"
        )
    before = actions[~late & actions["USERID"].isin(cohort)].sort_values(["USERID", "T_REL"], kind="stable")
    before["student"] = cohort.get_indexer(before["USERID"])
    before["day"] = (-(-before["T_REL"] // DAY)).clip(lower=1)  # a day ends with its last second, as the cut-off does
    numbers, activity = np.unique(before["TARGETID"], return_inverse=True)
    places = before["student"].to_numpy(), activity
    counts = scipy.sparse.coo_array((np.ones(len(before)), places), (len(cohort), len(numbers))).tocsr()  # adds up
    totals = _totals(before, cutoff)
    edges, weights = _edges(counts)
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(np.hstack([totals, counts.log1p().toarray()]).astype(np.float32)),
            features=(*totals.columns, *(f"activity {number}" for number in numbers)),
            texts=_texts(before, cutoff),
            edges=torch.from_numpy(edges),
            weights=torch.from_numpy(weights),
            directed=False,
        ),
        labels=labels,
        task=Task("binary", ("stays", "drops out")),
        target="drops out of the course",
        text="template",
        replication="fixed" if FIXED in splits else "folds",
        splits=_splits(splits, labels, cohort.to_numpy()),
        remarks=REMARKS,
        clock="day",
        lead=actions.groupby("USERID")["T_REL"].max()[cohort].to_numpy() / DAY - cutoff,  # until the last action
    )


def _totals(before: pd.DataFrame, cutoff: int) -> pd.DataFrame:
    """How much each student did and how recently; numbers of actions and activities as log(1 + count)."""
    own = before.groupby("student")
    return pd.DataFrame(
        {
            "actions": np.log1p(own.size()),
            "activities": np.log1p(own["TARGETID"].nunique()),
            "active days": own["day"].nunique(),
            "days since last action": cutoff - own["T_REL"].max() / DAY,
        }
    )


def _texts(before: pd.DataFrame, cutoff: int) -> tuple[str, ...]:
    """Each student's log in words: totals, then the activities of each day, newest first."""
    order = pd.Series(np.arange(len(before)), before.index)
    steps = before.assign(order=order).groupby(["student", "day", "TARGETID"])["order"].agg(["size", "max"])
    steps = steps.reset_index().sort_values(["student", "max"], ascending=[True, False])
    times = (" x" + steps["size"].astype(str)).where(steps["size"] > 1, "")
    steps["words"] = steps["TARGETID"].astype(str) + times
    days = steps.groupby(["student", "day"], sort=False)["words"].agg(", ".join).reset_index("day")
    days["words"] = "Day " + days["day"].astype(str) + ": activity " + days["words"] + "."
    log = days.groupby("student")["words"].agg(" ".join)
    own = before.groupby("student")
    activities, active, last = own["TARGETID"].nunique(), own["day"].nunique(), own["T_REL"].max() / DAY
    return tuple(
        f"Actions {a}, activities {b}, active days {c} of {cutoff}, last after {d:.1f} days. {words}"
        for a, b, c, d, words in zip(own.size(), activities, active, last, log, strict=True)
    )


def _edges(counts: scipy.sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Each student with the most similar others [2, E], both ways, and their similarity [E].

    Similarity is the cosine of activity profiles, log(1 + count) weighted by the rarity log(N / students who did it).
    Of equally similar ones, those count who come next in a circle into which chance puts all: by number, the edges
    would tell who came when, and without a circle all would ask the same few.
    """
    from sklearn.preprocessing import normalize

    n = counts.shape[0]
    rarity = np.log(n / (counts > 0).sum(0))
    profiles = normalize(counts.log1p().multiply(rarity).tocsr())
    everybody = profiles.toarray().T
    place = np.random.RandomState(0).permutation(n)
    pairs, similarities = [], []
    for rows in np.array_split(np.arange(n), -(-n // 500)):  # of the n x n similarities, few at a time
        similar = np.rint(profiles[rows] @ everybody * RESOLUTION).astype(np.int64)
        similar[np.arange(len(rows)), rows] = 0  # not oneself
        further = (place - place[rows, None]) % n
        asked = np.argpartition(further - similar * n, min(NEIGHBORS, n - 1) - 1)[:, :NEIGHBORS]
        pairs.append(np.stack([np.repeat(rows, asked.shape[1]), asked.ravel()]))
        similarities.append(np.take_along_axis(similar, asked, 1).ravel())
    ends, similarity = np.concatenate(pairs, axis=1), np.concatenate(similarities)
    ends, similarity = ends[:, similarity > 0], similarity[similarity > 0]
    ends, first = np.unique(np.sort(ends, axis=0), axis=1, return_index=True)  # two who ask each other are one pair
    edges = np.concatenate([ends, ends[::-1]], axis=1)
    weights = np.tile(similarity[first] / RESOLUTION, 2).astype(np.float32)
    order = np.lexsort(edges[::-1])
    return edges[:, order], weights[order]


def _splits(splits: Sequence[str], labels: np.ndarray, students: np.ndarray) -> dict[str, Split]:
    if FIXED in splits and len(splits) > 1:
        raise ValueError(f"split {FIXED!r} stands alone: it is no fold, and an interval over both means nothing")
    train, validation, test = (np.flatnonzero(np.isin(students % 5, part)) for part in ([0, 1, 2], 3, 4))
    names = map(str, range(FOLDS * REPETITIONS))
    folds = {name: stratified_fold(labels, name, FOLDS, validation=0.25) for name in names}
    return named(splits, folds | {FIXED: Split(train, validation, test, hidden=np.array([], np.int64))})


def _outcomes(file: Path) -> pd.Series:
    """1 for a dropout and 0 for others, by student number."""
    users = read_table(file, {"USERID": COUNT, "DROPOUT": Column(int, (0, 1))}, key=["USERID"])
    return users.set_index("USERID")["DROPOUT"]


def _actions(file: Path, students: pd.Index) -> pd.DataFrame:
    """USERID, TARGETID and T_REL of all actions, in the file's order."""
    student = Column(int, students, "a USERID of users.csv")
    actions = read_table(file, {"USERID": student, "TARGETID": COUNT, "T_REL": COUNT})
    first = actions.groupby("USERID")["T_REL"].min().reindex(students)
    if (first != 0).any():  # holds for a student without actions, too
        raise RawFileError(
            f"{file}: USERID {first.index[first != 0][0]} has no action with T_REL 0, and all clocks start there: rows "
            "are missing, or times are not the students' own"
        )
    return actions
