"""Growth: time and memory by size, log against log, with fitted exponents."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.records import Records
from benchmarks.analysis.style import COLORS, decade
from benchmarks.speed.names import EDGES, LENGTH, STUDENTS
from benchmarks.speed.timings import Timings, growth

WHAT = {STUDENTS: "an epoch over cached states", EDGES: "an epoch over cached states", LENGTH: "32 texts read"}

FITTED = 3
"""Sizes from which an exponent is told: a line through two has no error to be seen."""
LINEAR = 0.8
"""Exponent of memory, surely exceeded, from which on a line is drawn on to the end of it."""


def make(records: Records) -> Figure:
    """A column a thing that grows: seconds above, gigabytes beyond those of the bare process below."""
    timings = records.timings
    medians = timings.medians()
    grown = medians[(medians["suite"] == "grow")]
    shown = [group for group in WHAT if len(grown.loc[grown["group"] == group, "size"].unique()) > 1]
    if not shown:
        figure = plt.figure(figsize=(3, 1))
        figure.text(0.5, 0.5, "no growth was measured", ha="center")
        return figure
    figure, axes = plt.subplots(
        2, len(shown), figsize=(2.4 * len(shown), 4), squeeze=False, sharex="col", layout="constrained"
    )
    memory = _memory(timings)
    for (above, below), group in zip(axes.T, shown, strict=True):
        rows = grown[grown["group"] == group].sort_values("size")
        above.set_title(WHAT[group])
        _panel(above, rows["size"], rows["seconds"])
        own = rows["peak_gigabytes"] - rows["base_gigabytes"]
        _panel(below, rows["size"], own, memory - rows["base_gigabytes"].median())
        below.set_xlabel(group)
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("GB beyond the bare process")
    return figure


def _panel(axis: Axes, sizes: pd.Series, values: pd.Series, ends: float = np.nan) -> None:
    """Points, and from three sizes on the fitted line; where memory `ends`, the size at which it says so."""
    axis.loglog(sizes, values, "o", color=COLORS["bert-gcn"], markersize=4)
    positive = (values > 0).to_numpy()
    if sizes[positive].nunique() < FITTED:
        decade(axis)
        return
    fitted = growth(sizes.to_numpy()[positive], values.to_numpy()[positive])
    axis.loglog(sizes, fitted.factor * sizes**fitted.exponent, color=COLORS["bert-gcn"], linewidth=0.8)
    decade(axis)
    said = f"exponent {fitted.exponent:.2f}"
    if np.isfinite(fitted.low):
        said += f" [{fitted.low:.2f}, {fitted.high:.2f}]"
    if np.isfinite(ends) and fitted.low > LINEAR:  # what does not grow yet says nothing of the end
        said += f"\n{ends:.0f} GB at {(ends / fitted.factor) ** (1 / fitted.exponent):.1e}, by the line"
    axis.text(0.04, 0.96, said, transform=axis.transAxes, va="top", fontsize=6)


def _memory(timings: Timings) -> float:
    machine = timings.machines.get("grow", {})
    return float(machine.get("device_gigabytes", machine.get("memory_gigabytes", np.nan)))
