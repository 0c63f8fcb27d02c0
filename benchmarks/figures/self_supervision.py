"""Self-supervision: held-out losses while it learns, and what a model gains by it on test students."""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmarks.analysis.drawing import legend, said
from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import ARM_COLORS, ARM_MARKERS, ARMS, GREY, label
from benchmarks.training.variants import BASE

Dashes = tuple[float, ...]
DASHES: tuple[Dashes, ...] = ((1, 0), (3, 1.5), (1, 1), (4, 1, 1, 1))
"""Strokes of datasets, in the order of the config."""
GAP = 3
"""Between the lines of one dataset and model and those of the next, in lines."""
UNITS = {"masked tokens": "nats a token", "next tokens": "nats a token", "interactions": "nats a pair"}
ARM = {"hue": "arm", "palette": ARM_COLORS, "legend": False}
MARKED = {"style": "arm", "markers": ARM_MARKERS, "linewidth": 0.5, "zorder": 3}


def make(records: Records) -> Figure:
    """Left: a panel an objective, for their losses have different units. Right: a row a dataset and model."""
    measures = records.pretraining[["dataset", "recipe", "split", "measure"]]
    curves = records.curves.merge(measures, on=["dataset", "recipe", "split"])
    tokens = np.where(curves["measure"].str.startswith("masked"), *list(UNITS)[:2])
    curves = curves.assign(objective=np.where(curves["arm"] == "graph", "interactions", tokens))
    objectives = [objective for objective in UNITS if (curves["objective"] == objective).any()]
    if not objectives:
        return said("no recipe was self-supervised")
    gains = _gains(records)
    height = max(1.7 * len(objectives), 0.13 * (gains["place"].max() if len(gains) else 0)) + 1.2
    figure, axes = plt.subplot_mosaic(
        [[objective, "gains"] for objective in objectives], figsize=(7, height), width_ratios=[1, 1.1],
        layout="constrained",
    )  # fmt: skip
    datasets = [dataset for dataset in records.datasets if (curves["dataset"] == dataset).any()]
    strokes = dict(zip(datasets, cycle(DASHES), strict=False))
    for objective in objectives:
        _losses(axes[objective], curves[curves["objective"] == objective], objective, strokes)
    _differences(axes["gains"], records, gains)
    key = [
        Line2D([], [], color=ARM_COLORS[arm], marker=ARM_MARKERS[arm], markersize=5, label=ARMS[arm])
        for arm in ARMS
        if (curves["arm"] == arm).any()
    ]
    if len(datasets) > 1:
        key += [Line2D([], [], color=GREY, linestyle=(0, stroke), label=name) for name, stroke in strokes.items()]
    legend(figure, *key, ncols=3)
    return figure


def _losses(axis: Axes, curves: pd.DataFrame, objective: str, strokes: dict[str, Dashes]) -> None:
    """Held-out loss over epochs: the mean over splits, thick, and each split, thin."""
    means = curves.groupby(["dataset", "recipe", "arm", "epoch"], as_index=False)["held_out"].mean()
    at = {"x": "epoch", "y": "held_out", "ax": axis} | ARM
    stroke = {"style": "dataset", "dashes": strokes, "estimator": None}
    each = curves.assign(one=curves["recipe"] + " " + curves["split"])
    sns.lineplot(each, units="one", linewidth=0.6, alpha=0.5, **at, **stroke)
    sns.lineplot(means, units="recipe", linewidth=1.4, **at, **stroke)
    sns.scatterplot(means, s=20, **at, **MARKED)
    if (curves["phase"] == "head alone").any():
        axis.axvspan(-0.35, 0.35, color="#EEEEEE", zorder=0, linewidth=0)
        axis.text(0, 0.03, "head\nalone", transform=axis.get_xaxis_transform(), ha="center", va="bottom", fontsize=6.5)
    counts = curves.groupby("dataset")["split"].nunique()
    most = f"{'' if counts.min() == counts.max() else 'up to '}{counts.max()} splits"
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.margins(y=0.12)
    axis.set(
        title=f"Learning from {objective}", xlim=(-0.4, curves["epoch"].max() + 0.2),
        xlabel=f"epoch (mean of {most}, thin: each)" if counts.max() > 1 else "epoch (one split)",
        ylabel=f"held-out loss ({UNITS[objective]})",
    )  # fmt: skip


def _gains(records: Records) -> pd.DataFrame:
    """Comparisons in the headline score with the unchanged model, a line each: its arm and its place from the top.

    Groups have a line each.
    """
    arms = records.pretraining[["dataset", "recipe", "arm"]].drop_duplicates()
    compared = records.comparisons[records.comparisons["question"] == "base"]
    gains = records.uses.merge(compared, on=["dataset", "model", "variant"]).merge(arms, on=["dataset", "recipe"])
    gains = gains[gains["model"].isin(records.models)]
    for name, order in (("arm", list(ARMS)), ("model", records.models), ("dataset", records.datasets)):
        gains = gains.loc[gains[name].map(order.index).sort_values(kind="stable").index]
    begins = (gains[["dataset", "model"]] != gains[["dataset", "model"]].shift()).any(axis=1)
    return gains.assign(place=np.arange(len(gains)) + GAP * (begins.cumsum() - 1))


def _differences(axis: Axes, records: Records, gains: pd.DataFrame) -> None:
    """Each run's gain as a tick, the mean and its interval above it; what is right of zero is better with it."""
    if gains.empty:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no model was run with and without it", ha="center", va="center", fontsize=7)
        return
    runs = []
    for gain in gains.to_dict("records"):
        pairs = records.paired(gain["dataset"], gain["model"], gain["variant"])
        of = (pairs[gain["variant"]] - pairs[BASE]).loc[[gain["split"]] if gain["split"] else slice(None)]
        runs.append(pd.DataFrame({"difference": of, "place": gain["place"], "arm": gain["arm"]}))
    at = {"x": "difference", "y": "place", "ax": axis} | ARM
    axis.axvline(0, color=GREY, linewidth=0.9, zorder=1)
    axis.hlines(gains["place"], gains["low"], gains["high"], colors=[*gains["arm"].map(ARM_COLORS)], linewidth=1.4)
    sns.scatterplot(pd.concat(runs), marker="|", s=25, linewidth=0.8, alpha=0.7, **at)
    sns.scatterplot(gains, s=36, **at, **MARKED)
    rows = gains.groupby(["dataset", "model"], sort=False).agg({"place": "mean", "runs": "first", "split": "max"})
    names = [
        f"{label(model)}\n{dataset}\n{METRICS[records.metric(dataset)]}, n = {runs} runs" + " each" * bool(split)
        for (dataset, model), runs, split in rows[["runs", "split"]].itertuples(name=None)
    ]
    axis.set_yticks(rows["place"], names)
    axis.set_yticks(gains["place"], gains["split"], minor=True, fontsize=6)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.tick_params(axis="y", which="minor", length=0, pad=2)
    axis.tick_params(axis="y", which="major", length=0, pad=6 + 4 * gains["split"].str.len().max())
    axis.set_ylim(gains["place"].max() + GAP / 2, -GAP / 2)
    axis.grid(visible=False, axis="y")
    axis.grid(visible=True, axis="x")
    axis.set(
        title="Gain on test students\n(mean, 95 % interval, ticks: runs)", xlabel="score with it minus without it",
        ylabel="",
    )  # fmt: skip
