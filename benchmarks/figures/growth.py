"""Growth: time and memory by size, log against log, with fitted exponents."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.drawing import said
from benchmarks.analysis.records import Records
from benchmarks.analysis.style import COLORS, decade
from benchmarks.speed.names import EDGES, LENGTH, STUDENTS
from benchmarks.speed.timings import growth

WHAT = {STUDENTS: "an epoch over cached states", EDGES: "an epoch over cached states", LENGTH: "32 texts read"}

FITTED = 3
"""Sizes from which an exponent is told: a line through two has no error to be seen."""
LINEAR = 0.8
"""Exponent of memory, surely exceeded, from which on a line is drawn on to the end of it."""
COLOR = COLORS["bert-gcn"]


def make(records: Records) -> Figure:
    """A column a thing that grows: seconds above, gigabytes beyond those of the bare process below."""
    medians = records.timings.medians()
    grown = medians[(medians["suite"] == "grow")].sort_values("size")
    grown = grown.assign(own=grown["peak_gigabytes"] - grown["base_gigabytes"])
    shown = [group for group in WHAT if len(grown.loc[grown["group"] == group, "size"].unique()) > 1]
    if not shown:
        return said("no growth was measured")
    size = (2.4 * len(shown), 4)
    figure, axes = plt.subplots(2, len(shown), figsize=size, squeeze=False, sharex="col", layout="constrained")
    machine = records.timings.machines.get("grow", {})
    memory = float(machine.get("device_gigabytes", machine.get("memory_gigabytes", np.nan)))
    for (above, below), group in zip(axes.T, shown, strict=True):
        rows = grown[grown["group"] == group]
        _panel(above, rows, "seconds")
        _panel(below, rows, "own", memory - rows["base_gigabytes"].median())
        above.set_title(WHAT[group])
        below.set_xlabel(group)
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("GB beyond the bare process")
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, measure: str, ends: float = np.nan) -> None:
    """Points, and from three sizes on the fitted line; where memory `ends`, the size at which it says so."""
    axis.set(xscale="log", yscale="log")
    sns.scatterplot(rows, x="size", y=measure, color=COLOR, s=20, linewidth=0, ax=axis)
    axis.set(xlabel="", ylabel="")
    positive = rows[rows[measure] > 0]
    if positive["size"].nunique() >= FITTED:
        fitted = growth(positive["size"].to_numpy(), positive[measure].to_numpy())
        axis.plot(rows["size"], fitted.factor * rows["size"] ** fitted.exponent, color=COLOR, linewidth=0.8)
        told = [round(value, 2) + 0.0 for value in (fitted.exponent, fitted.low, fitted.high)]  # no -0.00
        said = "exponent {:.2f}".format(*told) + (" [{1:.2f}, {2:.2f}]".format(*told) if np.isfinite(told[1]) else "")
        if np.isfinite(ends) and fitted.low > LINEAR:  # what does not grow yet says nothing of the end
            said += f"\n{ends:.0f} GB at {(ends / fitted.factor) ** (1 / fitted.exponent):.1e}, by the line"
        axis.text(0.04, 0.98, said, transform=axis.transAxes, va="top", fontsize=6.5)
    decade(axis)
