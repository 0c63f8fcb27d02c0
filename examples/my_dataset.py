"""A course's forum: who answered whom up to a day, what they wrote, and who drops out after it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.data.dataset import Dataset, random_split
from benchmarks.data.tables import Column, read_table
from sgn.graph import StudentGraph
from sgn.task import Task

FOLDER = "my_course"
FILES = {"students.csv": "", "posts.csv": ""}  # their SHA-256, where the bytes are known
SOURCE = "the export of your learning platform"


def make(raw: Path, splits: Sequence[str], cutoff: int = 28) -> Dataset:
    """Who is still there on day `cutoff`; a split is the number of a random draw."""
    columns = {"student": Column(), "dropped_on": float}  # a name; a day, or nothing
    students = read_table(raw / "students.csv", columns, key=["student"])
    everybody = students["student"]
    students = students[~(students["dropped_on"] <= cutoff)].reset_index(drop=True)
    place = pd.Series(students.index, index=students["student"])
    columns = {"student": str, "answers": str, "day": int, "text": str}  # answers: whom, or nobody
    posts = read_table(raw / "posts.csv", columns)
    strangers = ~posts["student"].isin(everybody) | ~posts["answers"].isin([*everybody, ""])
    posts = posts[(posts["day"] <= cutoff) & posts["student"].isin(place.index)].sort_values("day", ascending=False)

    by_student = posts.groupby("student", sort=False)
    wrote = pd.DataFrame({"posts": by_student.size(), "days silent": cutoff - by_student["day"].max()})
    x = wrote.reindex(students["student"]).fillna({"posts": 0, "days silent": cutoff})
    texts = by_student["text"].agg(" ".join).reindex(students["student"]).fillna("")  # the newest first
    replies = posts[posts["answers"].isin(place.index) & (posts["answers"] != posts["student"])]
    strength = replies.groupby(["student", "answers"]).size()
    ends = np.stack([place[strength.index.get_level_values(side)] for side in ("student", "answers")])
    labels = students["dropped_on"].notna().to_numpy(np.int64)
    return Dataset(
        graph=StudentGraph(
            x=torch.tensor(x.to_numpy(np.float32)), features=tuple(x.columns), texts=tuple(texts),
            edges=torch.from_numpy(ends), weights=torch.tensor(strength.to_numpy(np.float32)), directed=True,
        ),
        labels=labels, task=Task("binary", ("stays", "drops out")), target=f"drops out after day {cutoff}",
        text="genuine", replication="folds",
        splits={str(split): random_split(labels, int(split), 0.6, 0.2) for split in splits},
        remarks=(f"{strangers.sum()} posts are by, or answer, somebody who is not in students.csv.",),
    )  # fmt: skip
