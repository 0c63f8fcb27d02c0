"""Main figure: a panel a dataset; each model's mean with its single runs as dots."""

import textwrap
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.records import METRICS, Records
from benchmarks.style import COLORS, GREY, MARKERS, label
from benchmarks.variants import BASE

COLUMNS = 4
LINES: dict[str, Literal["--", ":"]] = {"majority": "--", "oracle": ":"}
"""Models that are a level to compare with rather than a competitor."""


def make(records: Records) -> Figure:
    """One panel for each dataset that is available."""
    base = records.runs[records.runs["variant"] == BASE]
    datasets = [d for d in records.datasets if (base["dataset"] == d).any()]
    rows = max(1, -(-len(datasets) // COLUMNS))
    columns = min(COLUMNS, max(1, len(datasets)))
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.85 * columns, 2.5 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(datasets) :]:
        axis.set_visible(False)
    for axis, dataset in zip(axes.flat, datasets, strict=False):
        _panel(axis, records, dataset, base[base["dataset"] == dataset])
    if not datasets:
        figure.text(0.5, 0.5, "no dataset is available", ha="center")
        return figure
    key = [
        Line2D([], [], color=GREY, marker=".", linestyle="", alpha=0.6, label="one run (split, seed)"),
        Line2D([], [], color=GREY, marker="o", markeredgecolor="white", label="mean ± standard deviation"),
        *(
            Line2D([], [], color=GREY, linewidth=0.9, linestyle=style, label=label(model))
            for model, style in LINES.items()
        ),
    ]
    figure.legend(handles=key, loc="outside lower center", ncols=4, frameon=False, fontsize=7)
    return figure


def _panel(axis: Axes, records: Records, dataset: str, runs: pd.DataFrame) -> None:
    metric = records.metric(dataset)
    models = [m for m in records.models if (runs["model"] == m).any()]
    shown = [m for m in models if m not in LINES and not m.startswith("oracle")]
    for place, model in enumerate(shown):
        scores = runs.loc[runs["model"] == model, metric].to_numpy()
        color = COLORS.get(model, GREY)
        spread = np.linspace(-0.18, 0.18, len(scores)) if len(scores) > 1 else np.zeros(1)
        axis.plot(place + spread, np.sort(scores), ".", color=color, alpha=0.45, markersize=4, zorder=2)
        error = scores.std(ddof=1) if len(scores) > 1 else 0.0
        axis.errorbar(
            place, scores.mean(), yerr=error, color=color, marker=MARKERS.get(model, "o"), markersize=6, capsize=2,
            markeredgecolor="white", zorder=3,
        )  # fmt: skip
    for model in [m for m in LINES if m in models]:
        axis.axhline(
            runs.loc[runs["model"] == model, metric].mean(), color=GREY, linewidth=0.9, zorder=1, linestyle=LINES[model]
        )
    card = records.cards[dataset]
    tested = runs["students"].mean()
    axis.set_title(f"{dataset}\n{textwrap.shorten(card['target'], 34)}", fontsize=8)
    axis.set_ylabel(f"{METRICS[metric]} on test")
    axis.set_xticks(range(len(shown)), [label(m) for m in shown], rotation=35, ha="right", rotation_mode="anchor")
    axis.set_xlim(-0.5, len(shown) - 0.5)
    runs_each = len(runs) // max(1, len(models))
    axis.set_xlabel(f"{tested:.0f} students, {runs_each} runs each", fontsize=7, color="#555555")
