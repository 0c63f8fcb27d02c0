"""Score against cost: which rows no other beats at less cost, without and with the cost of tuning."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import COLORS, GREY, MARKERS, decade, label
from benchmarks.tables.cost import costs

SIDES = {"trained": "training", "both": "tuning and training"}


def make(records: Records) -> Figure:
    """A row a dataset, a panel without and one with tuning; a line along the Pareto front."""
    found = costs(records).dropna(subset=["score", *SIDES])
    datasets = found["dataset"].unique()
    if not len(datasets):
        figure = plt.figure(figsize=(3, 1))
        figure.text(0.5, 0.5, "no cost was measured", ha="center")
        return figure
    figure, axes = plt.subplots(
        len(datasets), 2, figsize=(7, 2.6 * len(datasets)), squeeze=False, sharey="row", layout="constrained"
    )
    for row, dataset in zip(axes, datasets, strict=True):
        for axis, (side, name) in zip(row, SIDES.items(), strict=True):
            _panel(axis, records, found[found["dataset"] == dataset], side)
            axis.set_title(f"{dataset}: {name}")
            axis.set_xlabel("seconds, one split and seed")
        row[0].set_ylabel(f"{METRICS[records.metric(dataset)]} on test")
    key = [
        Line2D([], [], color=GREY, linewidth=0.8, label="no cheaper row scores higher"),
        Line2D([], [], color=GREY, marker=".", linestyle="", label="a baseline"),
        Line2D([], [], color=GREY, linewidth=0.6, alpha=0.5, label="95 % interval (upright)"),
    ]
    figure.legend(handles=key, loc="outside lower center", ncols=len(key), frameon=False, fontsize=7)
    return figure


def front(cost: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Rows that no cheaper or equally cheap one beats, the cheapest first."""
    order = np.lexsort((-score, cost))
    best = np.maximum.accumulate(score[order])
    return order[np.r_[True, score[order][1:] > best[:-1]]]


def _panel(axis: Axes, records: Records, rows: pd.DataFrame, side: str) -> None:
    cost, score = rows[side].to_numpy(float), rows["score"].to_numpy(float)
    best = front(cost, score)
    axis.step(cost[best], score[best], where="post", color=GREY, linewidth=0.8, zorder=1)
    on_front = set(rows["model"].iloc[best])
    for dataset, model, x, y in zip(rows["dataset"], rows["model"], cost, score, strict=True):
        ends = records.interval(dataset, model)
        axis.plot([x, x], ends, color=COLORS.get(model, GREY), linewidth=0.6, alpha=0.5, zorder=0)
        axis.plot(x, y, MARKERS.get(model, "."), color=COLORS.get(model, GREY), markersize=5)
        if model in COLORS or model in on_front:  # names of all would hide each other
            left = x < np.sqrt(cost.min() * cost.max())  # names begin or end at their dots, inside the panel
            axis.annotate(
                label(model), (x, y), (4 if left else -4, 4), textcoords="offset points", fontsize=6,
                ha="left" if left else "right",
            )  # fmt: skip
    axis.set_xscale("log")
    decade(axis)
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter("{x:g}")
