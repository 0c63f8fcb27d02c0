"""Main figure: a panel a dataset; each model's mean, interval and single runs, the paper's four in color."""

import math
import textwrap
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import COLORS, GREY, MARKERS, label
from benchmarks.training.variants import BASE

COLUMNS = 3
ALIKE = 0.8
"""Share of a line's models that a dataset has at least to stand there, too."""
LINES: dict[str, Literal["--", ":"]] = {"majority": "--", "oracle": ":"}
"""Models that are a level to compare with rather than a competitor."""


def make(records: Records) -> Figure:
    """A panel for each dataset that is available; those with about as many models side by side, the most first."""
    base = records.runs[records.runs["variant"] == BASE]
    shown = {d: _competitors(records, base[base["dataset"] == d]) for d in records.datasets}
    datasets = sorted((d for d in shown if shown[d]), key=lambda d: -len(shown[d]))
    if not datasets:
        figure = plt.figure(figsize=(3, 1))
        figure.text(0.5, 0.5, "no dataset is available", ha="center")
        return figure
    rows: list[list[str]] = []
    for dataset in datasets:
        if not rows or len(rows[-1]) == COLUMNS or len(shown[dataset]) < ALIKE * len(shown[rows[-1][0]]):
            rows.append([])
        rows[-1].append(dataset)
    key = [
        Line2D([], [], color=GREY, marker=".", linestyle="", alpha=0.6, label="one run (split, seed)"),
        Line2D(
            [],
            [],
            color=GREY,
            marker="o",
            markeredgecolor="white",
            label="mean, 95 % interval (none where groups are tested apart)",
        ),
        *(
            Line2D([], [], color=GREY, linewidth=0.9, linestyle=style, label=label(model))
            for model, style in LINES.items()
            if (base["model"] == model).any()
        ),
    ]
    heights = [len(shown[row[0]]) + 4 for row in rows]  # in lines: models, title, scale
    columns = max(map(len, rows))
    abreast = 4 if columns == COLUMNS else columns  # keys, each about as wide as a panel
    lines = sum(heights) + math.ceil(len(key) / abreast)
    figure, axes = plt.subplots(
        len(rows), columns, figsize=(2.5 * columns, 0.17 * lines + 0.25), squeeze=False, layout="constrained",
        gridspec_kw={"height_ratios": heights},
    )  # fmt: skip
    for line, row in zip(axes, rows, strict=True):
        for axis, dataset in zip(line, row, strict=False):
            _panel(axis, records, dataset, base[base["dataset"] == dataset], shown[dataset])
        for axis in line[len(row) :]:
            axis.set_visible(False)
    figure.legend(handles=key, loc="outside lower center", ncols=abreast, frameon=False, fontsize=7)
    return figure


def _competitors(records: Records, runs: pd.DataFrame) -> list[str]:
    """Models with a row of dots, in the order of the config."""
    ran = [m for m in records.models if (runs["model"] == m).any()]
    return [m for m in ran if m not in LINES and not m.startswith("oracle")]


def _panel(axis: Axes, records: Records, dataset: str, runs: pd.DataFrame, shown: list[str]) -> None:
    metric = records.metric(dataset)
    for place, model in enumerate(shown):
        scores = np.sort(runs.loc[runs["model"] == model, metric].to_numpy())
        color = COLORS.get(model, GREY)
        spread = np.linspace(0.22, -0.22, len(scores)) if len(scores) > 1 else np.zeros(1)
        axis.plot(scores, place + spread, ".", color=color, alpha=0.45, markersize=4, zorder=2)
        axis.plot(records.interval(dataset, model), [place, place], color=color, linewidth=1.4, zorder=2)
        axis.plot(
            scores.mean(), place, color=color, marker=MARKERS.get(model, "o"), zorder=3, markeredgecolor="white",
            markersize=5 if model in COLORS else 4,
        )  # fmt: skip
    for model, style in LINES.items():
        level = runs.loc[runs["model"] == model, metric]
        if len(level):
            axis.axvline(level.mean(skipna=False), color=GREY, linewidth=0.9, zorder=1, linestyle=style)
    fewest, most, runs_each = runs["students"].min(), runs["students"].max(), len(runs) // runs["model"].nunique()
    span = f"{most:.0f}" if fewest == most else f"{fewest:.0f} to {most:.0f}"
    target = textwrap.shorten(records.cards[dataset]["target"], 34)
    axis.set_title(f"{dataset}\n{target}", fontsize=7)
    axis.set_xlabel(f"{METRICS[metric]} on test\n{span} tested, {runs_each} runs each", fontsize=7)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", visible=True)
    axis.set_yticks(range(len(shown)), [label(m) for m in shown], fontsize=7)
    axis.set_ylim(len(shown) - 0.5, -0.5)  # the first model on top
