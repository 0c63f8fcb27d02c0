"""MOOC-Ed: which teachers leave the discussion forum of a course for teachers?

Nodes are learners of "The Digital Learning Transition in K-12 Schools", run 1 in spring 2013 or run 2 in autumn 2013,
who were still writing when the cut-off came; edges say who commented on whom. Nobody's own words were published: the
text is the titles of the discussions that a learner wrote in, without participants' names, and it is called titles.

S. Kellogg, A. Edelmann, "Massively Open Online Course for Educators (MOOC-Ed) network dataset", British Journal of
Educational Technology 46(5), 2015. Features, text and edges come from events up to the cut-off day only; the cohort is
made of those and of the course's list of staff and invited experts.
Level 2.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from benchmarks.data.dataset import Dataset, Split, named, stratified_fold
from benchmarks.data.tables import Column, Columns, read_table, refuse
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "mooc_ed"
FILES = {
    "DLT1_Edgelist.csv": "22bc6cbd51b62103792e53db1bf0409585cfcc7e6341a10a381b7e86549cdb14",
    "DLT1_Nodes.csv": "a18981145303d20b9685f1065a73130301944a02d293d0fec8a4b70615e7101e",
    "DLT2_Edgelist.csv": "5f1606d5a32b17cf8c9b88bff667f4d67105ae0cd86985b9f98a33bf69b4808c",
    "DLT2_Nodes.csv": "d388730e15071ca4ccf7d216b2dafda0526eeda22443b03ae0cd1d0d6ac3ed25",
}
SOURCE = "Harvard Dataverse, https://doi.org/10.7910/DVN/ZZH3UB"

SPLITS = (15, "fixed")  # within a run, folds by number, three times five; from run to run, the one, or random ones
FIXED = SPLITS[1]
RANGES = {"cutoff": (0, None)}

RUNS = {"1": (1,), "2": (2,), "1 to 2": (1, 2)}
RECENT = 14  # days: who wrote nothing for longer has left already, which needs no prediction
FOLDS = 5

INTRODUCTIONS = "Introductions"  # the category in which titles are the participants' names, offices and towns
# Words of participants' names in other titles, found by reading all of both runs; as the first eight digits of their
# SHA-256, so that the names do not stand here
NAMES = """
0cb1d478 0e6ace2c 1ef393f2 214af8a2 22017709 2c249473 3ac71bc8 424e9661 4d68b041 4fbeb8c7
66cc6f6a 73609492 7711ba6e 77831334 7c620b0e 8fbc8c36 94904f06 95163692 9af2921d a4c38a54
be480d32 c13dc7ef c157a0b0 c3858f26 c67c1263 cb227008 dd8625b8 fb613b14
"""
WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Layout:
    """How the tables of a run are written: names of columns, and what a time looks like."""

    people: tuple[str, ...]  # id, staff, expert
    comments: tuple[str, ...]  # sender, receiver, time, discussion, title, category, number
    time: str
    example: str


LAYOUTS = {
    1: Layout(
        people=("UID", "Facilitator", "expert"),
        comments=(
            *("Sender", "Receiver", "Timestamp"),
            *("Discussion Identifier", "Discussion Title", "Discussion Category", "Comment ID"),
        ),
        time="%m/%d/%y %H:%M",
        example="4/24/13 16:32",
    ),
    2: Layout(
        people=("uid", "facilitator", "expert"),
        comments=("Sender", "Reciever", "Timestamp", "DiscussionID", "Title", "Category", "CommentID"),
        time="%m/%d/%y",
        example="10/24/13",
    ),
}

TITLES_REMARKS = (
    "The text is titles of discussions, newest first, not the learners' own words; their number of words is a feature, "
    "so that no row wins by the length of its text.",
    "Titles of introductions are replaced whole, and words of participants' names in other titles; names of schools, "
    "places and public figures stay, but for words that a participant is named with, too.",
    "Categories of discussions are part of the text, their descriptions are not: staff wrote one for each category, so "
    "it says no more, and run 1 has hardly any.",
)
LENGTH_REMARKS = (
    "A control: the text is a template of how many titles and words of titles a learner's discussions have. A row with "
    "text that does no better on the titles themselves has read their length.",
)
REMARKS = (
    "Not checkable: when staff and experts were listed. The tables of people describe the whole course, and who is on "
    "the list of experts is left out as an invited guest, which the missing codebook should confirm.",
)
LATER_REMARKS = (
    "Not checkable: whether a person took part in both runs, for each run numbers its people anew. Whoever did is "
    "trained on in one and tested in the other, half a year later.",
    "Run 1 ended before run 2 began, so training knows nothing of the time of the test.",
)
MIXED_REMARKS = (
    LATER_REMARKS[0],
    "The sides are as large as those of the split by run and drawn at random from both runs, the test included.",
)


@dataclass(frozen=True, eq=False)
class Course:
    """One run of the course: its cohort's features, texts, edges, and who drops out."""

    x: pd.DataFrame
    texts: tuple[str, ...]
    lengths: tuple[str, ...]  # of the texts, in words
    edges: np.ndarray
    weights: np.ndarray
    labels: np.ndarray
    lead: np.ndarray


def needed(run: int | str = 1) -> list[str]:
    """Raw files that a run needs, or both; raises ValueError for another run."""
    return [f"DLT{number}_{table}.csv" for number in _runs(run) for table in ("Edgelist", "Nodes")]


def make(
    raw: Path,
    splits: Sequence[str],
    cutoff: int = 20,
    run: Literal[1, 2, "1 to 2"] = 1,
    text: Literal["titles", "length"] = "titles",
) -> Dataset:
    """Learners who wrote within the 14 days up to `cutoff`, and whether they write afterwards.

    `cutoff` counts days from the date of a run's first comment. `run` is 1, 2, or "1 to 2". Within a run, a split is a
    fold of a repeated 5-fold cross-validation, "7" is repetition 1, fold 2. For "1 to 2" both are components of one
    graph, and the split "fixed", which stands alone, trains and validates on run 1 and tests on run 2, which is hidden
    from training. Beside it, "0" to "14" there are sides of the same sizes drawn from both runs, what is tested hidden.
    With `text` "length" a template says how many titles and words of titles there are, and none of them: a control.
    Raises ValueError for another run, a table with missing columns, unknown or repeated people, or a `cutoff` that
    leaves nothing to predict.
    """
    courses = [_course(raw, number, cutoff) for number in _runs(run)]
    first = np.cumsum([0, *(len(course.labels) for course in courses)])
    x = pd.concat([course.x for course in courses])
    labels = np.concatenate([course.labels for course in courses])
    later, titles = len(courses) > 1, text == "titles"
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x.to_numpy(np.float32)),
            features=tuple(x.columns),
            texts=tuple(text for course in courses for text in (course.texts if titles else course.lengths)),
            edges=torch.from_numpy(np.concatenate([c.edges + n for c, n in zip(courses, first[:-1], strict=True)], 1)),
            weights=torch.from_numpy(np.concatenate([course.weights for course in courses])),
            directed=True,
        ),
        labels=labels,
        task=Task("binary", ("stays", "drops out")),
        target="drops out of the forum",
        text="titles" if titles else "template",
        replication="fixed" if FIXED in splits else "folds",
        splits=_later(splits, labels, first[1])
        if later
        else {name: stratified_fold(labels, name, FOLDS, validation=0.25) for name in map(str, splits)},
        remarks=(
            *(TITLES_REMARKS if titles else LENGTH_REMARKS),
            *REMARKS,
            *((LATER_REMARKS if FIXED in splits else MIXED_REMARKS) if later else ()),
        ),
        clock="day",
        lead=np.concatenate([course.lead for course in courses]),
    )


def _runs(run: int | str) -> tuple[int, ...]:
    if str(run) not in RUNS:
        raise ValueError(f"no run {run!r}; there are {', '.join(RUNS)}")
    return RUNS[str(run)]


def _later(splits: Sequence[str], labels: np.ndarray, first: int) -> dict[str, Split]:
    """A fifth of those before `first` validates, stratified; those from `first` on are tested. Or as many at random."""
    from sklearn.model_selection import train_test_split

    if FIXED in splits and len(splits) > 1:
        raise ValueError(f"split {FIXED!r} stands alone: it is no draw, and an interval over both means nothing")
    train, validation = train_test_split(np.arange(first), test_size=0.2, stratify=labels[:first], random_state=0)
    orders = {FIXED: np.concatenate([train, validation, np.arange(first, len(labels))])}
    orders |= {str(draw): np.random.RandomState(draw).permutation(len(labels)) for draw in range(SPLITS[0])}
    sides = {name: [np.sort(ids) for ids in np.split(order, [len(train), first])] for name, order in orders.items()}
    return named(splits, {name: Split(*ids, ids[2]) for name, ids in sides.items()})  # type: ignore[call-arg]


def _course(raw: Path, run: int, cutoff: int) -> Course:
    """A run of the course, as known at the end of day `cutoff`, with the outcomes from afterwards."""
    layout = LAYOUTS[run]
    staff, experts, everybody = _people(raw / f"DLT{run}_Nodes.csv", layout)
    comments = _comments(raw / f"DLT{run}_Edgelist.csv", everybody, layout)
    before, after = comments[comments["day"] <= cutoff], comments[comments["day"] > cutoff]
    last = before.groupby("sender")["day"].max()
    recent = set(last.index[last > cutoff - RECENT]) - staff - experts
    cohort = pd.Index([uid for uid in everybody if uid in recent], dtype=object)
    labels = (~cohort.isin(set(after["sender"]))).astype(np.int64)
    if len(set(labels.tolist())) < 2:
        raise ValueError(
            f"cutoff = {cutoff} leaves {len(cohort)} learners of run {run}, all with one outcome: choose a day between "
            f"0 and {comments['day'].max() - 1}, some way from both ends"
        )
    titles = _titles(before, cohort)
    x = _features(before, cohort, staff, cutoff)
    words = [sum(len(title.split()) for title in own) for own in titles]
    x["words in titles"] = np.log1p(words)
    texts = tuple("; ".join(f"{title} ({category})" for title, category in own.items()) for own in titles)
    lengths = tuple(f"{count} words in {len(own)} titles." for count, own in zip(words, titles, strict=True))
    left = np.full(len(cohort), float(comments["day"].max() - cutoff))  # only then is it sure that nothing follows
    return Course(x, texts, lengths, *_edges(before, cohort), labels, left)


def _features(before: pd.DataFrame, cohort: pd.Index, staff: set[str], cutoff: int) -> pd.DataFrame:
    """What each learner of the cohort did, and what others did to them; counts as log(1 + count)."""
    own = before.groupby("sender")
    contact = before[before["sender"] != before["receiver"]]
    counts = {
        "comments": own.size(),
        "discussions": own["discussion"].nunique(),
        "active days": own["day"].nunique(),
        "comments received": contact.groupby("receiver").size(),
        "comments to staff": contact[contact["receiver"].isin(staff)].groupby("sender").size(),
        "comments from staff": contact[contact["sender"].isin(staff)].groupby("receiver").size(),
    }
    x = pd.DataFrame({name: np.log1p(count.reindex(cohort, fill_value=0)) for name, count in counts.items()})
    x["days since last comment"] = cutoff - own["day"].max().reindex(cohort)
    x["day of first comment"] = own["day"].min().reindex(cohort)
    return x


def _titles(before: pd.DataFrame, cohort: pd.Index) -> list[dict[str, str]]:
    """Of each learner, {title: category} of the discussions written in, newest first: a short window keeps those."""
    titles: dict[str, dict[str, str]] = {uid: {} for uid in cohort}
    newest_first = before.iloc[::-1]
    columns = (newest_first[name] for name in ("sender", "title", "category"))
    for sender, title, category in zip(*columns, strict=True):
        if sender in titles:
            titles[sender].setdefault(title, category)
    return list(titles.values())


def _edges(before: pd.DataFrame, cohort: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Who commented on whom inside the cohort [2, E], and how often [E]; not on themselves."""
    inside = before["sender"].isin(cohort) & before["receiver"].isin(cohort)
    pairs = before[inside & (before["sender"] != before["receiver"])].groupby(["sender", "receiver"]).size()
    ends = [cohort.get_indexer(pairs.index.get_level_values(side)) for side in ("sender", "receiver")]
    edges = np.stack(ends).astype(np.int64)
    order = np.lexsort(edges[::-1])
    return edges[:, order], pairs.to_numpy(np.float32)[order]


def _people(file: Path, layout: Layout) -> tuple[set[str], set[str], list[str]]:
    """Ids of staff, of experts (who look like invited guests), and of everybody in the table's order."""
    kinds = Column(str), Column(str, ("0", "1")), Column(str, ("0", "1", "NULL"))
    people = read_table(file, dict(zip(layout.people, kinds, strict=True)), key=layout.people[:1])
    uid, *roles = (people[name] for name in layout.people)
    staff, experts = (set(uid[role == "1"]) for role in roles)
    return staff, experts, uid.tolist()


def _comments(file: Path, everybody: list[str], layout: Layout) -> pd.DataFrame:
    """Comments in time order: sender, receiver, day, discussion, title without names, category."""
    known = Column(str, everybody, "a UID of the table of nodes")
    kinds: Columns = {"sender": known, "receiver": known, "time": str, "discussion": str, "title": str, "category": str}
    table = read_table(file, dict(zip(layout.comments, [*kinds.values(), int], strict=True)))
    written = table[layout.comments[2]]
    time = pd.to_datetime(written, format=layout.time, errors="coerce")
    refuse(file, written, time.isna(), f"a time like {layout.example}")
    comments = table.set_axis([*kinds, "number"], axis=1)
    comments["day"] = (time.dt.normalize() - time.min().normalize()).dt.days
    comments["title"] = _without_names(comments["title"], comments["category"])
    # comments are numbered in time order, which tells those of a day apart; a row that stands there twice, letter for
    # letter, is one comment
    return comments.iloc[np.lexsort([comments["number"], time])].drop_duplicates()


def _without_names(titles: pd.Series, categories: pd.Series) -> pd.Series:
    """Titles with participants' names masked; introductions wholly, whose titles hold little else."""
    masked = titles.map({title: WORD.sub(_mask, title) for title in titles.unique()})
    return masked.where(categories != INTRODUCTIONS, "[introduction]")


def _mask(word: re.Match[str]) -> str:
    digest = hashlib.sha256(word[0].lower().encode()).hexdigest()
    return "[name]" if digest[:8] in NAMES else word[0]
