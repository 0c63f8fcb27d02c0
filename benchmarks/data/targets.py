"""What is predicted: targets with a label each, whose luck is drawn together, and of which students they tell.

Students are the first kind of target. That such a target is a row of the node table is said here and nowhere else:
`of_students` takes rows for targets, `by_student` lays labels back on the table. Whatever stores, scores or compares
predictions knows of a target no more than its place on its side. Level 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Targets:
    """The n targets of a side of a split.

    Statistics resample units: all targets of one are drawn together. People are protected by the students that a number
    rests on. Of a student both are herself; of a pair, say, the one who chooses and both ends.
    """

    truth: np.ndarray  # [n] or, of several questions, [n, K] int64; -1 is a missing answer
    units: np.ndarray  # [n]
    students: np.ndarray  # [n] or [n, m]
    lead: np.ndarray | None = None  # [n] days until the outcome shows, NaN where nobody knows

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class Sealed:
    """All that is true of a dataset, or of a family's cell, by split: what `score` alone knows."""

    kind: str  # of the task
    classes: tuple[str, ...]
    replication: str
    train: dict[str, Targets]
    validation: dict[str, Targets]
    test: dict[str, Targets]
    fewest: int = 1  # students that a number may rest on


def of_students(ids: np.ndarray, truth: np.ndarray, lead: np.ndarray | None = None) -> Targets:
    """Targets that are students, by their rows `ids` [n] in the node table."""
    return Targets(truth, ids, ids, lead)


def by_student(sides: Iterable[Targets], students: int) -> np.ndarray:
    """Labels of the node table, [students] or [students, K], -1 where no side tells one; of `of_students` only."""
    sides = list(sides)
    labels = np.full((students, *sides[0].truth.shape[1:]), -1, dtype=np.int64)
    for side in sides:
        labels[side.students] = side.truth
    return labels
