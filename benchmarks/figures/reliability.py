"""Reliability diagram: a panel a dataset, predicted against observed; the paper's four models in color."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.records import Records
from benchmarks.style import COLORS, GREY, MARKERS, label

COLUMNS = 3


def make(records: Records) -> Figure:
    """One panel for each dataset with runs; a line joins a model's bins of equal mass, means over its runs."""
    bins = records.calibration
    datasets = [d for d in records.datasets if (bins["dataset"] == d).any()]
    if not datasets:
        figure = plt.figure(figsize=(3, 1))
        figure.text(0.5, 0.5, "no dataset has predictions", ha="center")
        return figure
    columns, rows = min(COLUMNS, len(datasets)), -(-len(datasets) // COLUMNS)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.4 * columns, 2.5 * rows + 0.4), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(datasets) :]:
        axis.set_visible(False)
    for axis, dataset in zip(axes.flat, datasets, strict=False):
        _panel(axis, records, dataset, bins[bins["dataset"] == dataset])
    key = [Line2D([], [], color=COLORS[m], marker=MARKERS[m], markersize=4, label=label(m)) for m in COLORS]
    key.append(Line2D([], [], color=GREY, linewidth=0.7, alpha=0.7, label="other rows"))
    key.append(Line2D([], [], color="black", linewidth=0.8, linestyle="--", label="calibrated"))
    figure.legend(handles=key, loc="outside lower center", ncols=3, frameon=False, fontsize=7)
    return figure


def _panel(axis: Axes, records: Records, dataset: str, bins: pd.DataFrame) -> None:
    axis.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8, zorder=1)
    shown = [m for m in records.models if (bins["model"] == m).any()]
    for model in sorted(shown, key=lambda m: m in COLORS):  # color on top
        points = bins[bins["model"] == model].groupby("bin")[["predicted", "observed"]].mean()
        if model in COLORS:
            axis.plot(
                *points.to_numpy().T, color=COLORS[model], marker=MARKERS[model], markersize=3, linewidth=1.2, zorder=3
            )
        else:
            axis.plot(*points.to_numpy().T, color=GREY, marker=".", markersize=2, linewidth=0.7, alpha=0.7, zorder=2)
    several = records.cards[dataset]["kind"] == "multiclass"
    runs = bins.groupby("model")[["split", "seed"]].value_counts().groupby("model").size().max()
    tested = records.runs.loc[records.runs["dataset"] == dataset, "students"].mean()
    axis.set_title(f"{dataset}\n{tested:.0f} students a split, {runs} runs", fontsize=7)
    axis.set_xlabel("confidence of the decision" if several else "predicted probability", fontsize=7)
    axis.set_ylabel("share that is right" if several else "observed frequency", fontsize=7)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.set_aspect("equal")
