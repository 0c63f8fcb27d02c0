"""Timings as tables and figures receive them: what was measured, on which machine, and what models cost."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import linregress, ttest_ind
from scipy.stats import t as student_t

from benchmarks.data import parquet
from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import OK

ALPHA = 0.05
"""Chance that any of the cases that did not change is called faster or slower (Bonferroni)."""
TRIMMED = 0.2
"""Share of the shortest and of the longest times that is left out: a machine is sometimes slow, never too fast."""
CASE = ["suite", "group", "size", "way"]
ROWS = (
    "suite", "group", "size", "way", "round", "seconds", "items", "unit", "flops", "moved", "base_gigabytes",
    "peak_gigabytes", "error",
)  # fmt: skip
"""Columns of `timings.parquet`; `base_gigabytes` is what a process had before the group was built."""
COSTS = (
    "dataset", "model", "recipe", "tuning", "recipe_tuning", "training", "recipe_training", "inference",
    "recipe_inference", "peak_gigabytes", "recipe_peak_gigabytes", "parameters", "recipe_parameters", "recipe_learned",
    "reason",
)  # fmt: skip
"""Columns of `costs.parquet`; seconds on one split and seed; inference a 1,000 students. `recipe_*` is what
the row's recipe adds: its search, its fine-tuning with the reading of all texts, the reading of 1,000 new ones."""


@dataclass(frozen=True)
class Timings:
    """`rows` as `sgn timing` writes them, `costs` as `sgn cost` does; `machines` by suite, `lost` suites with why."""

    rows: pd.DataFrame
    costs: pd.DataFrame
    machines: dict[str, dict[str, Any]]
    lost: dict[str, str]

    def seconds(self, suite: str, group: str, size: float, way: str) -> pd.Series:
        """Of one unit of work, a row a measurement; none where it was not measured."""
        rows = self.rows
        same = (rows["size"] == size) | (math.isnan(size) & rows["size"].isna())
        found = rows[(rows["suite"] == suite) & (rows["group"] == group) & same & (rows["way"] == way)]
        return (found["seconds"] / found["items"]).dropna()

    def medians(self) -> pd.DataFrame:
        """A row a case: median and quartiles of `seconds`, memory, and the rates of `flops` and of `moved` bytes."""
        rows = self.rows[self.rows["seconds"].notna()]
        cases = rows.groupby(CASE, sort=False, dropna=False)
        found = cases.agg(
            seconds=("seconds", "median"),
            low=("seconds", lambda s: s.quantile(0.25)),
            high=("seconds", lambda s: s.quantile(0.75)),
            count=("seconds", "size"),
            **{name: (name, "first") for name in ("items", "unit", "flops", "moved", "base_gigabytes")},
            peak_gigabytes=("peak_gigabytes", "max"),
        ).reset_index()
        return found.assign(
            flop_rate=found["flops"] / found["seconds"], byte_rate=found["moved"] / found["seconds"]
        )  # fmt: skip

    def device(self) -> str:
        """What measured, in a sentence."""
        said = {
            f"{m.get('device_name', m['processor'])}, {m['threads']} thread{'s' * (m['threads'] > 1)}, torch "
            f"{m['libraries']['torch']}, commit {m['commit'] or 'unknown'}"
            for m in self.machines.values()
        }
        gpu = any(m["device"] != "cpu" for m in self.machines.values())
        return f"Measured on {'; '.join(sorted(said)) or 'nothing'}." + ("" if gpu else " On a GPU: not measured.")


def load(folders: list[Path]) -> Timings:
    """Read folders of `sgn timing` and of `sgn cost`; one that failed leaves its reason."""
    ended = {folder: outcome.read(folder) for folder in folders}
    good = [folder for folder, how in ended.items() if how.status == OK]
    frames = {name: [parquet.read(f / file) for f in good if (f / file).exists()] for name, file in FILES.items()}
    return Timings(
        rows=pd.concat(frames["rows"], ignore_index=True) if frames["rows"] else pd.DataFrame(columns=list(ROWS)),
        costs=pd.concat(frames["costs"], ignore_index=True) if frames["costs"] else pd.DataFrame(columns=list(COSTS)),
        machines={f.name: json.loads((f / "machine.json").read_text(encoding="utf-8")) for f in good},
        lost={folder.name: outcome.brief(how.reason) for folder, how in ended.items() if how.status != OK},
    )


FILES = {"rows": "timings.parquet", "costs": "costs.parquet"}


@dataclass(frozen=True)
class Growth:
    """y = factor · size^exponent through medians, with the exponent's 95 % interval (infinite through two points)."""

    exponent: float
    low: float
    high: float
    factor: float


def growth(sizes: np.ndarray, values: np.ndarray) -> Growth:
    """Least squares of logarithms; raises ValueError for fewer than two different sizes."""
    fitted = linregress(np.log(sizes), np.log(values))
    freedom = len(sizes) - 2
    wide = fitted.stderr * student_t.ppf(0.975, freedom) if freedom > 0 else np.inf
    low, high = fitted.slope - wide, fitted.slope + wide
    return Growth(float(fitted.slope), float(low), float(high), float(np.exp(fitted.intercept)))


@dataclass(frozen=True)
class Change:
    """The time after over the time before, with its interval; `verdict` is faster, slower or no difference."""

    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Faster or slower where the interval lies on one side of one."""
        return "faster" if self.high < 1 else "slower" if self.low > 1 else "no difference"


def compare(before: np.ndarray, after: np.ndarray, alpha: float = ALPHA) -> Change:
    """Ratio of two samples of seconds with its 1 - alpha interval, from logarithms.

    Yuen's (1974) trimmed t test of unequal variances; fewer than two measurements of either show no spread, so they
    show no difference.
    """
    ratio = float(np.exp(np.median(np.log(after)) - np.median(np.log(before))))
    if min(len(before), len(after)) < 2:
        return Change(ratio, 0.0, np.inf)
    tested = ttest_ind(np.log(after), np.log(before), equal_var=False, trim=TRIMMED)
    low, high = np.exp(tested.confidence_interval(1 - alpha))
    return Change(float(np.sqrt(low * high)), float(low), float(high))


def ratio(timings: Timings, suite: str, group: str, size: float, way: str, other: str) -> tuple[float, float, float]:
    """Time of `other` over the time of `way` with its 95 % interval: above one, `way` is faster; NaN if unmeasured."""
    mine, theirs = (timings.seconds(suite, group, size, w).to_numpy() for w in (way, other))
    if not (len(mine) and len(theirs)):
        return math.nan, math.nan, math.nan
    change = compare(mine, theirs)
    return change.ratio, change.low, change.high


def share(timings: Timings, suite: str, group: str, size: float, way: str, peak: str, of: str) -> tuple[float, ...]:
    """Rate of `way` in `of` ("flops" or "moved") over that of `peak`, with its 95 % interval; NaN if unmeasured."""
    rows = timings.medians()
    same = (rows["size"] == size) | (math.isnan(size) & rows["size"].isna())
    here = rows[(rows["suite"] == suite) & (rows["group"] == group) & same].set_index("way")
    if not {way, peak} <= set(here.index):
        return math.nan, math.nan, math.nan
    done = (here[of] / here["items"])[[way, peak]]  # a unit
    value, low, high = ratio(timings, suite, group, size, way, peak)
    factor = done[way] / done[peak]
    return value * factor, low * factor, high * factor
