"""Score against cost: which rows no other beats at less cost, without and with the cost of tuning."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import COLORS, GREY, MARKERS, decade, label
from benchmarks.tables.cost import costs

LETTER, LINE, GAP = 0.015, 0.06, 0.015
"""Shares of a panel that a letter of a name is wide, a name high, and that lie between it and its dot."""
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
    for dataset, model, x, y in zip(rows["dataset"], rows["model"], cost, score, strict=True):
        ends = records.interval(dataset, model)
        axis.plot([x, x], ends, color=COLORS.get(model, GREY), linewidth=0.6, alpha=0.5, zorder=0)
        axis.plot(x, y, MARKERS.get(model, "."), color=COLORS.get(model, GREY), markersize=5)
    axis.set_xscale("log")
    decade(axis)
    axis.xaxis.set_major_formatter("{x:g}")
    models = list(rows["model"])
    named = [models[i] for i in np.argsort(-score, kind="stable") if models[i] in COLORS]  # the higher one's name above
    named += [models[i] for i in best if models[i] not in COLORS]  # names of all would hide each other
    _names(axis, {model: (x, y) for model, x, y in zip(models, cost, score, strict=True)}, named)


def _names(axis: Axes, places: dict[str, tuple[float, float]], named: list[str]) -> None:
    """Write names beside dots, each on the first of four sides where it hides neither dot nor name, or nowhere."""
    to_panel = axis.transData + axis.transAxes.inverted()
    dots = {model: to_panel.transform(place) for model, place in places.items()}
    taken: list[tuple[float, float, float, float]] = []
    for model in named:
        x, y = dots[model]
        wide = LETTER * len(label(model))
        for right, up in ((x < 0.5, True), (x < 0.5, False), (x >= 0.5, True), (x >= 0.5, False)):
            left = x + GAP if right else x - GAP - wide
            below = y + GAP if up else y - GAP - LINE
            box = left, below, left + wide, below + LINE
            free = not any(_overlap(box, (a, b, a, b)) for a, b in dots.values())
            if free and left >= 0 and left + wide <= 1 and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                axis.annotate(
                    label(model), (left if right else left + wide, below), xycoords="axes fraction", fontsize=6,
                    ha="left" if right else "right", va="bottom",
                )  # fmt: skip
                break


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    """Whether two boxes (left, below, right, above) share a point."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
