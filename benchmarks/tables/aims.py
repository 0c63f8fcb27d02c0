"""Aims: ratios of one run against what they ought to be."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.speed import names
from benchmarks.speed.timings import Timings, growth, ratio, share

LONG = 64
"""Tokens from which on an encoding should come near the matrix peak."""

CAPTION = (
    "What the suite's speed ought to be, and is. Ratios of times within one run, with 95 % intervals: texts of "
    f"mixed length; texts of one length from {LONG} tokens on, the worst; a convolution forward and backward; an "
    "epoch, of several sizes the worst; from texts to the same validation score, the straightforward way given up"
    f" after the epoch in which it has taken {names.GIVEN_UP} times as long, and the ratio then a lower bound; an "
    "epoch over cached states. Met and missed: the interval lies on that side of the aim; undecided: it holds the"
    " aim."
)


@dataclass(frozen=True)
class Aim:
    """`value` gives a ratio with its interval; it should be at least `bound`, or at most where `most`."""

    name: str
    bound: float
    value: Callable[[Timings], tuple[float, ...]]
    most: bool = False

    def verdict(self, low: float, high: float) -> str:
        """Of an interval."""
        if math.isnan(low):
            return "not measured"
        if self.most:
            low, high, bound = -high, -low, -self.bound
        else:
            bound = self.bound
        return "met" if low >= bound else "missed" if high < bound else "undecided"


def make(records: Records) -> pd.DataFrame:
    """A row an aim."""
    timings = records.timings
    rows = []
    for aim in AIMS:
        value, low, high = aim.value(timings)
        rows.append(
            {
                ("Aim", ""): f"{'at most' if aim.most else 'at least'} {aim.bound:g}",
                ("Measured", "value"): value,
                ("Measured", "low"): low,
                ("Measured", "high"): high,
                ("Verdict", ""): aim.verdict(low, high),
            }
        )
    index = pd.Index([aim.name for aim in AIMS], name="Ratio")
    frame = pd.DataFrame(rows, index=index, columns=pd.MultiIndex.from_tuples(rows[0]))
    frame.attrs = {"caption": CAPTION, "notes": [timings.device(), *_ceiling(timings)]}
    return frame


def _sizes(timings: Timings, suite: str, group: str) -> list[float]:
    """Sizes of a group that were measured, the largest last; NaN stands for none."""
    rows = timings.rows[(timings.rows["suite"] == suite) & (timings.rows["group"] == group)]
    return sorted(rows["size"].dropna().unique().tolist()) or [math.nan]


def _encoding_share(timings: Timings) -> tuple[float, ...]:
    """The lowest of the lengths that count."""
    sizes = [size for size in _sizes(timings, "encode", names.ONE_LENGTH) if size >= LONG]
    of = (names.OURS, names.PRODUCT, "flops")
    shares = [share(timings, "encode", names.ONE_LENGTH, size, *of) for size in sizes]
    return min(shares, default=(math.nan,) * 3)


def _propagation(timings: Timings) -> tuple[float, ...]:
    size = _sizes(timings, "propagate", names.BOTH_WAYS)[-1]
    return ratio(timings, "propagate", names.BOTH_WAYS, size, names.OURS, names.PYG)


def _joint(timings: Timings) -> tuple[float, ...]:
    """The highest of the sizes; NaN where one could not be measured."""
    sizes = _sizes(timings, "train", names.THROUGH)
    found = [ratio(timings, "train", names.THROUGH, size, names.TRANSFORMER, names.JOINT) for size in sizes]
    return next((one for one in found if math.isnan(one[0])), max(found))


def _pipeline(timings: Timings) -> tuple[float, ...]:
    size = _sizes(timings, "pipeline", names.EQUAL_SCORE)[-1]
    return ratio(timings, "pipeline", names.EQUAL_SCORE, size, names.OURS, names.STRAIGHTFORWARD)


def _students(timings: Timings) -> tuple[float, ...]:
    medians = timings.medians()
    rows = medians[(medians["suite"] == "grow") & (medians["group"] == names.STUDENTS)]
    if rows["size"].nunique() < 2:
        return (math.nan,) * 3
    fitted = growth(rows["size"].to_numpy(), rows["seconds"].to_numpy())
    return fitted.exponent, fitted.low, fitted.high


def _ceiling(timings: Timings) -> list[str]:
    """How much faster than sentence-transformers any way could be, by the rate of matrix products."""
    of = (names.SENTENCE_TRANSFORMERS, names.PRODUCT, "flops")
    reached = share(timings, "encode", names.MIXED, math.nan, *of)[0]
    if math.isnan(reached):
        return []
    return [
        f"On texts of mixed length sentence-transformers itself comes to {reached:.0%} of the product's rate, so "
        f"in this precision no way can be more than {1 / reached:.2f} times as fast."
    ]


def _encoding(timings: Timings) -> tuple[float, ...]:
    return ratio(timings, "encode", names.MIXED, math.nan, names.OURS, names.SENTENCE_TRANSFORMERS)


AIMS = (
    Aim("encoding: sentence-transformers / ours", 1.5, _encoding),
    Aim("encoding: rate / matrix products' rate", 0.6, _encoding_share),
    Aim("propagation: PyG / ours", 1.5, _propagation),
    Aim("training: joint / Transformer alone", 1.3, _joint, most=True),
    Aim("pipeline: straightforward / ours", 10, _pipeline),
    Aim("growth: exponent in students", 1.1, _students, most=True),
)
