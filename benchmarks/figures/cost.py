"""Score against cost: which rows no other beats at less cost, without and with the cost of tuning."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from benchmarks.analysis.drawing import legend, palette, said
from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import COLORS, GREY, MARKERS, decade, label
from benchmarks.tables.cost import costs

SIDES = {"trained": "training", "both": "tuning and training"}
KEY = (
    Line2D([], [], color=GREY, linewidth=0.8, label="no cheaper row scores higher"),
    Line2D([], [], color=GREY, marker=".", linestyle="", label="a baseline"),
    Line2D([], [], color=GREY, linewidth=0.6, alpha=0.5, label="95 % interval (upright)"),
)


def make(records: Records) -> Figure:
    """A row a dataset, a panel without and one with tuning; a line along the Pareto front."""
    found = costs(records).dropna(subset=["score", *SIDES])
    datasets = found["dataset"].unique()
    if not len(datasets):
        return said("no cost was measured")
    size = (7, 2.6 * len(datasets))
    figure, axes = plt.subplots(len(datasets), 2, figsize=size, squeeze=False, sharey="row", layout="constrained")
    panels = [
        (axis, found[found["dataset"] == dataset], side)
        for row, dataset in zip(axes, datasets, strict=True)
        for axis, side in zip(row, SIDES, strict=True)
    ]
    for axis, rows, side in panels:
        _panel(axis, records, rows, side)
    legend(figure, *KEY)
    figure.draw_without_rendering()  # where things are is known now
    for axis, rows, side in panels:
        _names(axis, rows, side)
    return figure


def front(cost: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Rows that no cheaper or equally cheap one beats, the cheapest first."""
    order = np.lexsort((-score, cost))
    best = np.maximum.accumulate(score[order])
    return order[np.r_[True, score[order][1:] > best[:-1]]]


def _panel(axis: Axes, records: Records, rows: pd.DataFrame, side: str) -> None:
    dataset, models = rows["dataset"].iloc[0], list(rows["model"])
    best = rows.iloc[front(rows[side].to_numpy(float), rows["score"].to_numpy(float))]
    axis.step(best[side], best["score"], where="post", color=GREY, linewidth=0.8, zorder=1)
    colors, markers = palette(models), {model: MARKERS.get(model, "o") for model in models}
    ends = np.array([records.interval(dataset, model) for model in models])
    low, high = ends.T
    axis.vlines(rows[side], low, high, colors=list(colors.values()), linewidth=0.6, alpha=0.5, zorder=0)
    sns.scatterplot(
        rows, x=side, y="score", hue="model", palette=colors, style="model", markers=markers,
        size=rows["model"].isin(COLORS), sizes={True: 30, False: 9}, linewidth=0, legend=False, ax=axis,
    )  # fmt: skip
    axis.set_xscale("log")
    decade(axis)
    axis.xaxis.set_major_formatter("{x:g}")
    score = METRICS[records.metric(dataset)]
    axis.set(title=f"{dataset}: {SIDES[side]}", xlabel="seconds, one split and seed", ylabel=f"{score} on test")


def _names(axis: Axes, rows: pd.DataFrame, side: str) -> None:
    """Name the paper's four and the front, each on the first of four sides where that hides neither dot nor name."""
    best = front(rows[side].to_numpy(float), rows["score"].to_numpy(float))
    named = rows[rows["model"].isin([*COLORS, *rows["model"].iloc[best]])].sort_values("score", ascending=False)
    dots = axis.transData.transform(rows[[side, "score"]].astype(float))
    taken: list[Bbox] = []
    for model, x, y in named[["model", side, "score"]].itertuples(index=False):
        for right, up in product((True, False), (True, False)):
            text = axis.annotate(
                label(model), (x, y), (4 if right else -4, 2 if up else -2), textcoords="offset points", fontsize=6.5,
                ha="left" if right else "right", va="bottom" if up else "top", color=COLORS.get(model, "black"),
            )  # fmt: skip
            box = text.get_window_extent()
            inside = axis.bbox.x0 <= box.x0 and box.x1 <= axis.bbox.x1
            if inside and not box.count_contains(dots) and not box.count_overlaps(taken):
                taken.append(box)
                break
            text.remove()
