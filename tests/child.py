"""Functions that tests run in a process of their own: it imports their module, and a file of tests imports much."""

import numpy as np

from benchmarks.speed import clock


def hold(megabytes: int) -> float:
    """The gigabytes that a process has held at most when it holds an array of so many megabytes."""
    array = np.ones(megabytes * 1_000_000 // 8)
    return clock.peak_gigabytes("cpu") + 0 * array[0]
