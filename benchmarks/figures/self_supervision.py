"""Self-supervision: held-out losses while it learns, and what a model gains by it on test students."""

from collections.abc import Hashable
from itertools import cycle
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import ARM_COLORS, ARM_MARKERS, ARMS, GREY, label
from benchmarks.training.variants import BASE

LineStyle = Literal["-", "--", ":", "-."]
LINES: tuple[LineStyle, ...] = ("-", "--", ":", "-.")
"""Line styles of datasets, in the order of the config."""
GAP = 3
"""Between the lines of one dataset and model and those of the next, in lines."""
UNITS = {"masked tokens": "nats a token", "next tokens": "nats a token", "interactions": "nats a pair"}


def make(records: Records) -> Figure:
    """Left: a panel an objective, for their losses have different units. Right: a row a dataset and model."""
    measures = records.pretraining[["dataset", "recipe", "split", "measure"]]
    curves = records.curves.merge(measures, on=["dataset", "recipe", "split"])
    tokens = np.where(curves["measure"].str.startswith("masked"), *list(UNITS)[:2])
    curves = curves.assign(objective=np.where(curves["arm"] == "graph", "interactions", tokens))
    objectives = [objective for objective in UNITS if (curves["objective"] == objective).any()]
    if not objectives:
        figure = plt.figure(figsize=(6.8, 1.2))
        figure.text(0.5, 0.5, "no recipe was self-supervised", ha="center", va="center")
        return figure
    gains = _gains(records)
    compared = set(zip(gains["dataset"], gains["model"], strict=True))
    rows = [(d, m) for d in records.datasets for m in records.models if (d, m) in compared]
    figure, axes = plt.subplot_mosaic(
        [[objective, "gains"] for objective in objectives],
        figsize=(6.8, max(1.7 * len(objectives), 0.12 * (len(gains) + GAP * len(rows))) + 0.9),
        width_ratios=[1, 1.1],
        layout="constrained",
    )
    datasets = [dataset for dataset in records.datasets if (curves["dataset"] == dataset).any()]
    lines = dict(zip(datasets, cycle(LINES), strict=False))
    for objective in objectives:
        _losses(axes[objective], curves[curves["objective"] == objective], objective, lines)
    _differences(axes["gains"], records, gains, rows)
    arms = [arm for arm in ARMS if (curves["arm"] == arm).any()]
    key = [
        Line2D([], [], color=ARM_COLORS[arm], marker=ARM_MARKERS[arm], markersize=5, label=ARMS[arm]) for arm in arms
    ]
    if len(datasets) > 1:
        key += [Line2D([], [], color=GREY, linestyle=line, label=dataset) for dataset, line in lines.items()]
    figure.legend(handles=key, loc="outside lower center", ncols=3, frameon=False, fontsize=7)
    return figure


def _losses(axis: Axes, curves: pd.DataFrame, objective: str, lines: dict[str, LineStyle]) -> None:
    """Held-out loss over epochs: the mean over splits, thick, and each split, thin."""
    of = ["dataset", "recipe", "arm"]
    for dataset, recipe, arm in curves[of].drop_duplicates().itertuples(index=False, name=None):
        rows = curves[(curves["dataset"] == dataset) & (curves["recipe"] == recipe)]
        table = rows.pivot_table(index="epoch", columns="split", values="held_out")
        color = ARM_COLORS[arm]
        if table.shape[1] > 1:
            axis.plot(table.index, table, color=color, linestyle=lines[dataset], linewidth=0.6, alpha=0.5)
        axis.plot(
            table.index, table.mean(axis=1), color=color, linestyle=lines[dataset], marker=ARM_MARKERS[arm],
            markersize=4, markeredgecolor="white", markeredgewidth=0.5, linewidth=1.4,
        )  # fmt: skip
    if (curves["phase"] == "head alone").any():
        axis.axvspan(-0.35, 0.35, color="#EEEEEE", zorder=0, linewidth=0)
        axis.text(0, 0.03, "head\nalone", transform=axis.get_xaxis_transform(), ha="center", va="bottom", fontsize=6.5)
    counts = curves.groupby("dataset")["split"].nunique()
    most = f"{'' if counts.min() == counts.max() else 'up to '}{counts.max()} splits"
    axis.set_xlim(-0.4, curves["epoch"].max() + 0.2)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.margins(y=0.12)
    axis.set_ylabel(f"held-out loss\n({UNITS[objective]})")
    axis.set_xlabel(f"epoch (mean of {most}, thin: each)" if counts.max() > 1 else "epoch (one split)")
    axis.set_title(f"Learning from {objective}", loc="left")


def _gains(records: Records) -> pd.DataFrame:
    """Comparisons in the headline score with the unchanged model, with the recipe's arm; groups have a row each."""
    arms = records.pretraining[["dataset", "recipe", "arm"]].drop_duplicates()
    compared = records.comparisons[records.comparisons["question"] == "base"]
    return records.uses.merge(compared, on=["dataset", "model", "variant"]).merge(arms, on=["dataset", "recipe"])


def _differences(axis: Axes, records: Records, gains: pd.DataFrame, rows: list[tuple[str, str]]) -> None:
    """Each run's gain as a dot, the mean and its interval above it; what is right of zero is better with it."""
    if not rows:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no model was run with and without it", ha="center", va="center", fontsize=7)
        return
    names, places, end = [], [], 0
    for dataset, model in rows:
        own = gains[(gains["dataset"] == dataset) & (gains["model"] == model)].to_dict("records")
        own.sort(key=lambda gain: list(ARMS).index(gain["arm"]))
        for place, gain in enumerate(own, end):
            color, pairs = ARM_COLORS[gain["arm"]], records.paired(dataset, model, gain["variant"])
            runs = (pairs[gain["variant"]] - pairs[BASE]).loc[[gain["split"]] if gain["split"] else slice(None)]
            axis.plot(runs, np.full(len(runs), place), ".", color=color, alpha=0.5, markersize=4)
            axis.plot([gain["low"], gain["high"]], [place] * 2, color=color, linewidth=1.4)
            axis.plot(
                gain["difference"], place, color=color, marker=ARM_MARKERS[gain["arm"]], markersize=6,
                markeredgecolor="white", zorder=3,
            )  # fmt: skip
        names.append(f"{label(model)}\n{dataset}\n{METRICS[records.metric(dataset)]}, {_runs(own)}")
        places.append(end + (len(own) - 1) / 2)
        end += len(own) + GAP
    axis.axvline(0, color=GREY, linewidth=0.9, zorder=1)
    axis.set_yticks(places, names, fontsize=7)
    axis.set_ylim(end - (GAP + 1) / 2, -(GAP + 1) / 2)
    axis.grid(visible=False, axis="y")
    axis.grid(visible=True, axis="x")
    axis.set_xlabel("score with it minus score without it")
    axis.set_title("Gain on test students\n(mean, 95 % interval, dots: runs)", loc="left")


def _runs(gains: list[dict[Hashable, Any]]) -> str:
    """How many there are; where groups have a line each, their names in the order of the lines of an arm."""
    runs, groups = f"n = {gains[0]['runs']} runs", list(dict.fromkeys(gain["split"] for gain in gains))
    if not all(groups):
        return runs
    each = f"{runs} {'in each of' if len(groups) > 1 else 'on'}"
    return f"{each}\n" + ",\n".join(", ".join(groups[i : i + 2]) for i in range(0, len(groups), 2))
