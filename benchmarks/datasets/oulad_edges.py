"""Constructed edges of OULAD: students who have much in common, be it a region, days of hand-in or pages opened.

They are a control, for no contact between students was recorded: see `oulad`.
Level 2.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

NEIGHBORS = 10  # of a student, at most
RESOLUTION = 10**6  # of similarities, so that rounding errors of a machine do not order neighbors


def alike(students: pd.Series, things: pd.Series, groups: Iterable[Any], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs [2, E] of the `n` students who have much in common, both ways, and how much [E].

    `students` and `things` say, row by row, who has which thing; pairs are of one of `groups`, arrays of students. The
    measure is the cosine of two sets, |A and B| / sqrt(|A| |B|).
    """
    has = scipy.sparse.coo_array((np.ones(len(things)), (students, things)), (n, max(len(things), 1))).tocsr()
    has.data[:] = 1  # a page is opened several times
    pairs, similarities = [], []
    for nodes in groups:
        similar = _similar(has[nodes])
        ends = np.stack(np.nonzero(mutual(similar)))
        pairs.append(nodes[ends])
        similarities.append(similar[tuple(ends)])
    found, weights = np.concatenate(pairs, axis=1), np.concatenate(similarities) / RESOLUTION
    order = np.lexsort(found[::-1])
    return found[:, order].astype(np.int64), weights[order].astype(np.float32)


def _similar(has: scipy.sparse.csr_array) -> np.ndarray:
    """Cosines of the rows of a 0/1 matrix [m, things] as whole numbers [m, m]; 0 with oneself."""
    common = (has @ has.T).toarray()
    size = np.sqrt(np.maximum(common.diagonal(), 1))
    np.fill_diagonal(common, 0)
    return np.rint(common / size / size[:, None] * RESOLUTION).astype(np.int64)


def mutual(similar: np.ndarray) -> np.ndarray:
    """Pairs [m, m] of whom each is among the other's most similar ones.

    Of equally similar ones, those count who are nearest in a circle into which chance puts all, on either side, so
    that who is near is so for both.
    """
    m = len(similar)
    place = np.random.RandomState(0).permutation(m)
    ahead = (place - place[:, None]) % m
    distance = np.minimum(2 * ahead, 2 * (m - ahead) + 1)
    nearest = np.argpartition(distance - similar * (2 * m), min(NEIGHBORS, m) - 1)[:, :NEIGHBORS]
    chosen = np.zeros_like(similar, dtype=bool)
    np.put_along_axis(chosen, nearest, True, axis=1)
    chosen &= similar > 0
    return chosen & chosen.T
