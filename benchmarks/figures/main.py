"""Main figure: a panel a dataset; each model's mean, interval and single runs, the paper's four in color."""

import textwrap
from typing import Literal

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis.drawing import COLUMNS, legend, palette, said
from benchmarks.analysis.families import models_in
from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import GREY, MARKERS, label
from benchmarks.training.variants import BASE

ALIKE = 0.8
"""Share of a line's models that a dataset has at least to stand there, too."""
LINES: dict[str, Literal["--", ":"]] = {"majority": "--", "oracle": ":"}
"""Models that are a level to compare with rather than a competitor."""
KEY = (
    Line2D([], [], color=GREY, marker="|", linestyle="", label="one run (split, seed)"),
    Line2D([], [], color=GREY, marker="o", markeredgecolor="white",
           label="mean, 95 % interval (none where groups are tested apart)"),
)  # fmt: skip


def make(records: Records) -> Figure:
    """A panel for each dataset that is available; those with about as many models side by side, the most first."""
    base = records.runs[records.runs["variant"] == BASE]
    shown = {d: _competitors(records, base[base["dataset"] == d]) for d in records.datasets}
    datasets = sorted((d for d in shown if shown[d]), key=lambda d: -len(shown[d]))
    if not datasets:
        return said("no dataset is available")
    rows: list[list[str]] = []
    for dataset in datasets:
        if not rows or len(rows[-1]) == COLUMNS or len(shown[dataset]) < ALIKE * len(shown[rows[-1][0]]):
            rows.append([])
        rows[-1].append(dataset)
    heights = [len(shown[row[0]]) + 4 for row in rows]  # in lines: models, title, scale
    columns = max(map(len, rows))
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(2.2 * columns + 0.9, 0.17 * sum(heights) + 0.9), squeeze=False, sharey="row",
        layout="constrained", gridspec_kw={"height_ratios": heights},
    )  # fmt: skip
    for line, row in zip(axes, rows, strict=True):
        competitors = [model for model in records.models if any(model in shown[dataset] for dataset in row)]
        for axis, dataset in zip(line, row, strict=False):
            _panel(axis, records, dataset, base[base["dataset"] == dataset], competitors)
        for axis in line[len(row) :]:
            axis.remove()
    legend(figure, *KEY, ncols=2 if columns == COLUMNS else 1)
    return figure


def _competitors(records: Records, runs: pd.DataFrame) -> list[str]:
    """Models with a row of their own, in the order of the config."""
    return [m for m in models_in(records, runs) if m not in LINES and not m.startswith("oracle")]


def _panel(axis: Axes, records: Records, dataset: str, runs: pd.DataFrame, models: list[str]) -> None:
    """A row each of the `models`, those that the dataset lacks included."""
    metric, colors = records.metric(dataset), palette(models)
    means = runs.groupby("model", as_index=False)[metric].mean(skipna=False)
    look = {"x": metric, "y": "model", "hue": "model", "order": models, "hue_order": models, "palette": colors}
    sns.stripplot(runs, jitter=False, marker="|", size=7, linewidth=0.8, alpha=0.6, legend=False, ax=axis, **look)
    for place, model in enumerate(models):
        axis.plot(records.interval(dataset, model), [place, place], color=colors[model], linewidth=1.4)
    sns.pointplot(
        means, errorbar=None, linestyle="none", markers=[MARKERS.get(model, "o") for model in models], markersize=5,
        markeredgecolor="white", markeredgewidth=0.6, legend=False, ax=axis, **look,
    )  # fmt: skip
    for model, style in LINES.items():
        for level in means.loc[means["model"] == model, metric]:
            axis.axvline(level, color=GREY, linewidth=0.9, zorder=1, linestyle=style, label=label(model))
    fewest, most, runs_each = runs["students"].min(), runs["students"].max(), len(runs) // runs["model"].nunique()
    span = f"{most:,.0f}" if fewest == most else f"{fewest:.0f} to {most:.0f}"
    axis.set(
        title=f"{dataset}\n{textwrap.shorten(records.cards[dataset]['target'], 34)}",
        xlabel=f"{METRICS[metric]} on test\n{span} tested, {runs_each} runs each", ylabel="",
    )  # fmt: skip
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", visible=True)
    axis.set_yticks(range(len(models)), list(map(label, models)))
