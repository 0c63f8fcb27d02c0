"""Score against cost: which rows no other beats at less cost, without and with the cost of tuning."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
            _panel(axis, found[found["dataset"] == dataset], side)
            axis.set_title(f"{dataset}: {name}")
            axis.set_xlabel("seconds, one split and seed")
        row[0].set_ylabel(METRICS[records.metric(dataset)])
    return figure


def front(cost: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Rows that no cheaper or equally cheap one beats, the cheapest first."""
    order = np.lexsort((-score, cost))
    best = np.maximum.accumulate(score[order])
    return order[np.r_[True, score[order][1:] > best[:-1]]]


def _panel(axis: Axes, rows: pd.DataFrame, side: str) -> None:
    cost, score = rows[side].to_numpy(float), rows["score"].to_numpy(float)
    best = front(cost, score)
    axis.step(cost[best], score[best], where="post", color=GREY, linewidth=0.8, zorder=1)
    on_front = set(rows["model"].iloc[best])
    for model, x, y in zip(rows["model"], cost, score, strict=True):
        axis.plot(x, y, MARKERS.get(model, "."), color=COLORS.get(model, GREY), markersize=5)
        if model in COLORS or model in on_front:  # names of all would hide each other
            axis.annotate(label(model), (x, y), (-4, 4), textcoords="offset points", fontsize=6, ha="right")
    axis.set_xscale("log")
    decade(axis)
