"""Phase diagram: over the strength of text and graph, who wins, and how much of what could be won BERT+GCN wins."""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.analysis.records import Records
from benchmarks.analysis.style import COLORS, GREY, label

FAMILY = "phase"
GRID = ["graph_signal", "text_signal"]
DISAGREEMENT = 0.2
"""Share of the students of whom two models decide differently: two standard errors of a paired difference follow."""


def make(records: Records) -> Figure:
    """Three panels: winner and lead, what the joint oracle reaches, and how much of that BERT+GCN wins."""
    runs = records.families[FAMILY].runs if FAMILY in records.families else pd.DataFrame(columns=["model"])
    figure, axes = plt.subplots(1, 3, figsize=(7.4, 2.9), layout="constrained")
    if not {"oracle", "bert-gcn", "mlp"} <= set(runs["model"]):
        for axis in axes:
            axis.set_visible(False)
        figure.text(
            0.5, 0.5, "rows of the phase diagram have no run: see the end of the workflow's output", ha="center"
        )
        return figure
    table = runs.pivot_table(index=GRID, columns="model", values="accuracy", aggfunc="mean")
    models = [m for m in records.models if m in table.columns and not m.startswith("oracle")]
    chance = 2 * math.sqrt(DISAGREEMENT / runs.groupby([*GRID, "model"])["students"].sum().min())
    _winners(axes[0], table, models, chance)
    _heat(
        axes[1],
        table["oracle"],
        "Bayes optimum\n(accuracy of the joint oracle)",
        ".2f",
        cmap="Greys",
        vmin=0.5,
        vmax=1.0,
    )
    shares = runs.groupby(GRID)["prevalence"].mean()
    floor = shares.where(shares > 0.5, 1 - shares)  # what the majority class gives
    won = ((table["bert-gcn"] - floor) / (table["oracle"] - floor)).where(table["oracle"] - floor > 2 * chance)
    _heat(axes[2], won, "What BERT+GCN wins of it,\nabove the majority class", ".0%", cmap="RdBu", vmin=-1.0, vmax=1.0)
    key = [Patch(color=COLORS[m], label=label(m)) for m in models if m in COLORS]
    key.append(Patch(color=GREY, alpha=0.35, label=f"a lead within chance, below {100 * chance:.0f} points"))
    each = int(runs.groupby([*GRID, "model"]).size().max())
    note = (
        f"{runs['students'].max()} test students and {each} run{'s' * (each > 1)} a cell and model, default "
        f"hyper-parameters. Grey on the right: the optimum is less than {200 * chance:.0f} points above the majority."
    )
    figure.legend(handles=key, loc="outside lower center", ncols=len(key), frameon=False, fontsize=7,
                  title=note, title_fontsize=6.5)  # fmt: skip
    return figure


def _winners(axis: Axes, table: pd.DataFrame, models: list[str], chance: float) -> None:
    """The most accurate model of each cell, with its lead over the next in percentage points, grey within `chance`."""
    ranked = np.sort(table[models].to_numpy(), axis=1)
    lead = pd.Series(ranked[:, -1] - ranked[:, -2], table.index)
    winner = table[models].idxmax(axis=1)
    graphs, texts = _values(table)
    for place in table.index:
        x, y = graphs.index(place[0]), texts.index(place[1])
        tie = lead[place] < chance
        axis.add_patch(
            plt.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=GREY if tie else COLORS.get(str(winner[place]), GREY),
                          alpha=0.35 if tie else 0.85, linewidth=0)
        )  # fmt: skip
        axis.text(
            x, y, f"+{100 * lead[place]:.0f}", ha="center", va="center", fontsize=7, color="black" if tie else "white"
        )
    axis.set_xticks(range(len(graphs)), [f"{g:g}" for g in graphs])
    axis.set_yticks(range(len(texts)), [f"{t:g}" for t in texts])
    axis.set_xlim(-0.5, len(graphs) - 0.5)
    axis.set_ylim(-0.5, len(texts) - 0.5)
    _frame(axis, "Most accurate model,\nlead in percentage points")


def _heat(axis: Axes, values: pd.Series, title: str, form: str, **colors: Any) -> None:
    """A heat map with the numbers in it; grey where there is none."""
    image = (
        values.rename("value").reset_index().pivot_table(index=GRID[1], columns=GRID[0], values="value", dropna=False)
    )
    image = image.rename(index="{:g}".format, columns="{:g}".format)  # ticks as in the first panel
    axis.set_facecolor("#EEEEEE")
    sns.heatmap(image, ax=axis, annot=True, fmt=form, cbar=False, annot_kws={"fontsize": 6.5}, **colors)
    axis.invert_yaxis()
    axis.tick_params(rotation=0)
    _frame(axis, title)


def _values(table: pd.DataFrame) -> tuple[list[float], list[float]]:
    """The graph signals and the text signals of the grid."""
    graphs, texts = (sorted(set(table.index.get_level_values(name))) for name in GRID)
    return graphs, texts


def _frame(axis: Axes, title: str) -> None:
    axis.set_xlabel("graph signal")
    axis.set_ylabel("text signal")
    axis.set_title(title)
    axis.grid(visible=False)
