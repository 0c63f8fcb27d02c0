"""Reddit's student communities: who writes again, told from what they wrote and whom they answered?

Nodes are authors of r/college, r/GradSchool and r/CollegeMajors in the fall term of 2021 who wrote at least twice
before the cut-off; the text is what they wrote until then, and edges say who answered whom.

Collected by the Emory NLP group, https://github.com/emorynlp/reddit-college; no paper is stated. Upvotes are as of the
crawl, which may be later than the cut-off, and are no inputs. Neither is an author's number, which tells when they
came. What was removed by the crawl counts as nobody's, for nothing tells when that was.
Level 2.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.data.dataset import Dataset, Split, named
from benchmarks.data.tables import read_table
from benchmarks.datasets.reddit_threads import COLUMNS, DAY, END, OPTIONAL, START, check, posts_of
from sgn.graph import StudentGraph
from sgn.task import Task

SPLITS = ("fixed",)
RANGES = {"cutoff": (1, 42)}  # to LATEST
FOLDER = "reddit_college"
FILES = {"posts.csv.zst": "08785bfb40002e7cba5612d1ba794358cecea7979f80b0c85c360f38341f8ea5"}
SOURCE = (
    "https://github.com/emorynlp/reddit-college at commit 86b4acbf92d8c2c8642bba91be93acacdb8b95fb, "
    "converted as docs/datasets/reddit_college.md says"
)
UNPACKED = "0595614db78f1db32551fa5e127f965e5ecda0ac4f9933c84e236da3936f1b04"  # SHA-256 of the table as CSV

HORIZON = 49  # days in which one may write again, whatever the cut-off, so that cut-offs compare
LATEST = (END - START) // DAY - HORIZON
FEWEST = 2  # texts of a member of the cohort
RECENT = 7  # days
GONE = ("[removed]", "[deleted]")
QUOTED = re.compile(r"^ ?>(?!!).*$", re.MULTILINE)  # another's words; ">!" hides own ones
EDITED = re.compile(r"\b(?:edit(?:ed)?|update|eta) ?\d*:.*", re.IGNORECASE | re.DOTALL)
REMARKS = (
    "An author's text is their own posts up to the cut-off, newest first, a thread's title before its text. Lines "
    "quoted from others are left out, and so is what follows a mark such as 'Edit:', which may be later.",
    "Writing again means in these three communities within 49 days; who only reads counts as gone.",
    "Cohort and replies hold what was still there at the crawl: who deleted their account in time is missing.",
    "A post that was removed or deleted by the crawl has lost its words, and nearly always its author: whenever that "
    "was, it counts as nobody's, and its title is not read. One that went after the cut-off could be seen at it; "
    "docs/datasets/reddit_college.md says how many these are at most.",
    "Not checkable: whether a text was edited after the cut-off without saying so. Crawls came days after a post.",
    "Not checkable: whether one person writes under two names, and whether an author is a student or a moderator.",
    "Bots are known by their names only.",
    "A few mentions of an author's name are masked in the table, some perhaps of authors who came after the cut-off.",
)
UNLIKE = (
    "Made of thread files that do not give the table of the pinned commit: counts and scores may differ from its own."
)


def needed(threads: str | None = None) -> list[str]:
    """Raw files: the table, unless `threads` names a folder of thread files."""
    return [] if threads else list(FILES)


def make(raw: Path, splits: Sequence[str], cutoff: int = 42, threads: str | None = None) -> Dataset:
    """Authors, no bots, with at least two texts in the first `cutoff` days, and whether they write in the next 49.

    Day 0 is 20 September 2021; the cut-off is the end of the last of the days, 0:00 UTC. Features, texts and edges come
    from posts before it. The one split, "fixed", goes by the author's number modulo 5: 0 to 2 train, 3 validates, 4 is
    tested. `threads` is the folder dat/ of a checkout of the source, absolute or below `raw`, to be read instead of the
    table. Raises ValueError for a cut-off with less than 49 days after it or nobody on a side, and for bad files.
    """
    if not 1 <= cutoff <= LATEST:
        raise ValueError(
            f"cutoff = {cutoff}; expected 1 to {LATEST} days, so that the {HORIZON} days after it are known"
        )
    file = raw / (threads or "posts.csv.zst")
    posts = posts_of(file) if threads else read_table(file, COLUMNS)
    remarks = (*REMARKS, UNLIKE) if threads and not _pinned(posts) else REMARKS
    posts = posts.fillna(dict.fromkeys(OPTIONAL, -1)).astype(dict.fromkeys(OPTIONAL, np.int64))
    check(file, posts)
    posts["author_id"] = posts["author_id"].where(~posts["text"].isin(GONE), -1)  # as removal leaves most of them
    now = START + cutoff * DAY
    before, after = posts[posts["time"] < now], posts[posts["time"].between(now, now + HORIZON * DAY - 1)]
    texts = before["author_id"][(before["author_id"] >= 0) & (before["bot"] == 0)].value_counts()
    cohort = texts.index[texts >= FEWEST].sort_values()
    split = _split(cohort.to_numpy())
    if not (len(split.train) and len(split.validation) and len(split.test)):
        raise ValueError(
            f"cutoff = {cutoff} leaves {len(cohort)} authors, and nobody on a side of the split: choose a later day"
        )
    own = _own(before, cohort)
    edges, weights = _edges(before, cohort)
    x = _features(before, own, cohort, now)
    return Dataset(
        graph=StudentGraph(
            x=torch.from_numpy(x.to_numpy(np.float32)),
            features=tuple(x.columns),
            texts=tuple(own.groupby("author_id")["document"].agg("\n".join).str.strip()),
            edges=torch.from_numpy(edges),
            weights=torch.from_numpy(weights),
            directed=True,
        ),
        labels=cohort.isin(after["author_id"]).astype(np.int64),
        task=Task("binary", ("leaves", "writes again")),
        target="writes again",
        text="genuine",
        replication="fixed",
        splits=named(splits, {"fixed": split}),
        remarks=remarks,
    )


def _own(before: pd.DataFrame, cohort: pd.Index) -> pd.DataFrame:
    """What each of the cohort wrote, newest first, with the words that are their own as "document"."""
    own = before[before["author_id"].isin(cohort)].sort_values(
        ["author_id", "time", "post_id"], ascending=[True, False, False]
    )
    text = own["text"].str.replace(QUOTED, "", regex=True).str.replace(EDITED, "", regex=True)
    return own.assign(document=(own["title"] + "\n" + text).str.strip())


def _features(before: pd.DataFrame, own: pd.DataFrame, cohort: pd.Index, now: int) -> pd.DataFrame:
    """What each of the cohort did and was answered, as log(1 + count), and how long ago they last wrote."""
    by = own.groupby("author_id")
    asked = _asked(before)
    answers = asked[(before["bot"] == 0) & (asked != before["author_id"])]
    counts: dict[str, pd.Series] = {
        "texts": by.size(),
        "threads started": (own["depth"] == 0).groupby(own["author_id"]).sum(),
        "threads": by["thread_id"].nunique(),
        "active days": (own["time"] // DAY).groupby(own["author_id"]).nunique(),
        "words": own["document"].str.count(r"\S+").groupby(own["author_id"]).sum(),
        "replies received": answers.value_counts(),
        "texts in the last week": own[own["time"] >= now - RECENT * DAY].groupby("author_id").size(),
        "texts on graduate school": own[own["community"] == "GradSchool"].groupby("author_id").size(),
        "texts on majors": own[own["community"] == "CollegeMajors"].groupby("author_id").size(),
    }
    x = pd.DataFrame({name: np.log1p(count.reindex(cohort, fill_value=0)) for name, count in counts.items()})
    x["days since last text"] = (now - by["time"].max()) / DAY
    return x


def _edges(before: pd.DataFrame, cohort: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Who answered whom inside the cohort [2, E], and how often [E]; not themselves."""
    ends = np.stack([cohort.get_indexer(pd.Index(who)) for who in (before["author_id"], _asked(before))])
    ends = ends[:, (ends >= 0).all(0) & (ends[0] != ends[1])]
    edges, times = np.unique(ends, axis=1, return_counts=True)
    return edges.astype(np.int64), times.astype(np.float32)


def _asked(before: pd.DataFrame) -> pd.Series:
    """Number of the author whom each post answers; -1 for none. A parent is earlier, so it is there."""
    authors = before.set_index("post_id")["author_id"]
    return before["parent_id"].map(authors).fillna(-1).astype(np.int64)


def _split(authors: np.ndarray) -> Split:
    part = authors % 5
    return Split(np.flatnonzero(part < 3), np.flatnonzero(part == 3), np.flatnonzero(part == 4), np.array([], np.int64))


def _pinned(posts: pd.DataFrame) -> bool:
    return hashlib.sha256(posts.to_csv(index=False, lineterminator="\n").encode()).hexdigest() == UNPACKED
