"""MOOC urgency: which forum posts should staff answer soon? A control in which words matter and edges should not.

Nodes are 3503 posts from nine massive open online courses of the University of Pennsylvania on Coursera, with the
words that learners wrote (names, places and links redacted); coders rated how urgently each should be answered. Who
wrote a post and in which thread was not published, so there is no interaction to draw: edges are constructed, from
each post to those next to it in time. A model that gains from them gains from something other than a network.

V. Svabensky et al., "Towards Generalizable Detection of Urgency of Discussion Forum Posts", EDM 2023,
https://doi.org/10.5281/zenodo.8115790.
Level 2.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.data.dataset import Dataset, Split, named, stratified_fold
from benchmarks.data.raw import RawFileError
from benchmarks.data.tables import Column, Columns, read_table
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "mooc_urgency"
FILES = {"posts.csv.zst": "eb1dbc961fbaa6f54a31d84971feedbc5c91b8a5c60948c037716b7190d3edcf"}
SOURCE = (
    "https://github.com/pcla-code/forum-posts-urgency at commit ebf3695f01d2dec197253eb89499f4835bb7d0fa: "
    "All_Courses_REDACTED_CODED.csv, joined with data-per-course/ on (id, post_time) for the columns course and run"
)

COURSES = ("acc", "calc", "design", "gam", "global", "modern", "mythology", "probability", "vaccines")
# courses, or folds by their number, three times five
SPLITS = (15, "acc", "calc", "design", "gam", "global", "modern", "mythology", "probability", "vaccines")
FOLDS = 5
URGENT = 4  # of 7, and above
NEAREST = 3  # posts before, and as many after
COLUMNS: Columns = {
    "id": int,
    "post_time": int,
    "post_text": Column(str),
    "urgency_1_7": Column(int, range(1, 8)),
    "course": Column(str, COURSES),
    "run": Column(str, ("1", "2")),
}


def make(raw: Path, splits: Sequence[str]) -> Dataset:
    """All posts, those beside them in time, and which are urgent (4 or more of 7).

    A split is named by the course that it tests and hides from training; a fifth of the other courses' posts
    validates. Edges stay inside one run of a course, so none joins a hidden post with a training post. Or it is a fold,
    "0" to "14", of a stratified 5-fold cross-validation over all posts done three times, in which they do. There is no
    cut-off: a post is rated by itself, and its neighbors may be later. Raises ValueError for a file of another layout,
    and for courses and folds in one list.
    """
    posts = _posts(raw / "posts.csv.zst")
    texts = posts["post_text"].str.split().str.join(" ")
    x = _features(posts, texts)
    edges = _edges(posts)
    courses, labels = posts["course"].to_numpy(), (posts["urgency_1_7"] >= URGENT).to_numpy(np.int64)
    folds = [name for name in map(str, splits) if name.isdecimal()]
    if folds and len(folds) < len(splits):
        raise ValueError(f"splits {list(splits)} mix courses and folds; give each kind an entry of its own")
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x.to_numpy(np.float32)),
            features=tuple(x.columns),
            texts=tuple(texts),
            edges=torch.from_numpy(edges),
            weights=torch.ones(edges.shape[1]),
            directed=False,
        ),
        labels=labels,
        task=Task("binary", ("not urgent", "urgent")),
        target="urgent post",
        text="genuine",
        replication="folds" if folds else "groups",
        splits={name: stratified_fold(labels, name, FOLDS, validation=0.25) for name in folds}
        or named(splits, {course: _leave_out(courses == course) for course in COURSES}),
        remarks=(
            "Edges are constructed: a post and the three before and after it in the same run of a course. Nobody "
            "interacted along them, and they should not help.",
            "The posts are a sample of each run's forum, so the next one in time need not be the next one written.",
            "A neighbor may be later than the post: this is not a prediction at the hour of posting.",
            "Redactions stay in the text as the authors left them; they may mark replies, and are not counted as a "
            "feature.",
            "Not checkable: whether a learner wrote several of the posts, in one course or in two, for authors are not "
            "published. The id numbers the posts of a run in order of time, it does not name a learner.",
        ),
    )


def _features(posts: pd.DataFrame, texts: pd.Series) -> pd.DataFrame:
    """What anybody counts in a post, and how far into the run it was written, as log(1 + value)."""
    start = posts.groupby(["course", "run"])["post_time"].transform("min")
    counts = {
        "words": texts.str.count(r"\S+"),
        "question marks": texts.str.count(r"\?"),
        "exclamation marks": texts.str.count("!"),
        "days since the run's first post": (posts["post_time"] - start) / 86_400,
    }
    return pd.DataFrame(counts).apply(np.log1p)


def _edges(posts: pd.DataFrame) -> np.ndarray:
    """Both directions [2, E] between each post and the nearest before and after it in its run; `posts` are in order."""
    run = posts["course"] + posts["run"]
    forward = [
        np.stack([earlier, earlier + step])
        for step in range(1, NEAREST + 1)
        for earlier in [np.flatnonzero(run == run.shift(-step))]
    ]
    pairs = np.concatenate(forward, axis=1)
    return np.concatenate([pairs, pairs[::-1]], axis=1)


def _leave_out(tested: np.ndarray) -> Split:
    """Test the posts where `tested` [N], and hide them from training."""
    others = np.random.RandomState(0).permutation(np.flatnonzero(~tested))
    fifth = len(others) // 5
    test = np.flatnonzero(tested)
    return Split(train=np.sort(others[fifth:]), validation=np.sort(others[:fifth]), test=test, hidden=test)


def _posts(file: Path) -> pd.DataFrame:
    """Posts by course, run and time."""
    posts = read_table(file, COLUMNS, key=["course", "run", "id"])
    if absent := sorted(set(COURSES) - set(posts["course"])):
        raise RawFileError(f"{file}: no post of the course {absent[0]!r}")
    return posts.sort_values(["course", "run", "post_time", "id"], ignore_index=True)
