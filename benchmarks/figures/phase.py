"""Phase diagram: over the strength of text and graph, who wins, and how much of what could be won BERT+GCN wins."""

import itertools
import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.stats import norm

from benchmarks.analysis import stats
from benchmarks.analysis.records import Family, Records
from benchmarks.analysis.rows import DASH
from benchmarks.analysis.style import COLORS, GREY, label
from benchmarks.data.grid import values

FAMILY = "phase"
GRID = ["graph_signal", "text_signal"]
DISAGREEMENT = 0.2
"""Share of the students of whom two models decide differently: the standard error of a paired difference follows."""
LOST = "#EEEEEE"


def make(records: Records) -> Figure:
    """Three panels: winner and lead, what the joint oracle reaches, and how much of that BERT+GCN wins."""
    family = records.families.get(FAMILY)
    runs = family.runs if family else pd.DataFrame(columns=["model"])
    figure, axes = plt.subplots(1, 3, figsize=(7.4, 2.9), layout="constrained")
    if family is None or not {"oracle", "bert-gcn", "mlp"} <= set(runs["model"]):
        for axis in axes:
            axis.set_visible(False)
        figure.text(
            0.5, 0.5, "rows of the phase diagram have no run: see the end of the workflow's output", ha="center"
        )
        return figure
    counts = runs.groupby([*GRID, "model"])["accuracy"].transform("size")
    each, runs = int(counts.max()), runs[counts == counts.max()]  # a mean over fewer is of other networks: lost
    table = runs.pivot_table(index=GRID, columns="model", values="accuracy", aggfunc="mean", skipna=False)
    table = table.reindex(index=_grid(family), columns=family.models)
    models = [m for m in records.models if m in family.models and not m.startswith("oracle")]
    error = math.sqrt(DISAGREEMENT / runs.groupby([*GRID, "model", "seed"])["students"].sum().min())
    leads = _leads(table[models], error)
    _winners(axes[0], leads)
    _heat(
        axes[1],
        table["oracle"],
        "Bayes optimum\n(accuracy of the joint oracle)",
        ".2f",
        cmap="Greys",
        vmin=0.5,
        vmax=1.0,
    )
    _dashes(axes[1], table["oracle"].isna())
    shares = runs.groupby(GRID)["prevalence"].mean()
    majority = shares.where(shares > 0.5, 1 - shares)  # what the larger class gives
    won = ((table["bert-gcn"] - majority) / (table["oracle"] - majority)).where(table["oracle"] - majority > 4 * error)
    _heat(axes[2], won, "What BERT+GCN wins of it,\nabove the majority class", ".0%", cmap="RdBu", vmin=-1.0, vmax=1.0)
    _dashes(axes[2], table[["bert-gcn", "oracle"]].isna().any(axis=1))
    key = [Patch(color=COLORS[m], label=label(m)) for m in models if m in COLORS]
    key.append(Patch(color=GREY, alpha=0.35, label="a lead within chance"))
    if lost := int((leads["winner"] == "").sum()):
        key.append(Patch(color=LOST, label=f"{DASH} lost: a model lacks runs ({lost} of {len(leads)} cells)"))
    note = (
        f"{runs['students'].max()} test students and {each} run{'s' * (each > 1)} a cell and model, default "
        f"hyper-parameters. Chance: 5 %, Holm over all cells\n"
        f"and pairs of models, taken to decide {DISAGREEMENT:.0%} of the students differently. "
        f"Grey on the right: the optimum is less than {400 * error:.0f} points above the majority."
    )
    figure.legend(handles=key, loc="outside lower center", ncols=len(key), frameon=False, fontsize=7,
                  title=note, title_fontsize=6.5)  # fmt: skip
    return figure


def _leads(scores: pd.DataFrame, error: float) -> pd.DataFrame:
    """By cell the winner, its lead over the next, and whether that is told from chance.

    `scores` [cells, models] have differences with the standard error `error`. The winner was found on this very test,
    so that all pairs of models count, in all cells: Holm corrects over these. Nobody ("") has won where a model lacks
    runs.
    """
    pairs = list(itertools.combinations(scores, 2))
    p = np.array([2 * norm.sf((scores[one] - scores[two]).abs() / error) for one, two in pairs])  # [pairs, cells]
    adjusted = dict(zip(map(frozenset, pairs), stats.holm(p.ravel()).reshape(p.shape), strict=True))
    rows = []
    for place, of in enumerate(scores.to_numpy()):
        first, second = np.argsort(-of, kind="stable")[:2]
        pair = frozenset(scores.columns[[first, second]])  # told from the next, so from the others
        won = (scores.columns[first], of[first] - of[second], adjusted[pair][place] < stats.ALPHA)
        rows.append(("", math.nan, False) if np.isnan(of).any() else won)
    return pd.DataFrame(rows, scores.index, columns=["winner", "lead", "told"])


def _winners(axis: Axes, leads: pd.DataFrame) -> None:
    """The most accurate model of each cell, with its lead in percentage points: grey within chance, a dash if lost."""
    graphs, texts = _values(leads)
    for place, winner, lead, told in leads.itertuples():
        x, y = graphs.index(place[0]), texts.index(place[1])
        color = COLORS.get(winner, GREY) if told else GREY if winner else LOST
        axis.add_patch(
            plt.Rectangle(
                (x - 0.5, y - 0.5), 1, 1, facecolor=color, alpha=0.85 if told else 0.35 if winner else 1, linewidth=0
            )
        )
        axis.text(
            x, y, f"+{100 * lead:.0f}" if winner else DASH, ha="center", va="center", fontsize=7,
            color="white" if told else "black",
        )  # fmt: skip
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
    axis.set_facecolor(LOST)
    sns.heatmap(image, ax=axis, annot=True, fmt=form, cbar=False, annot_kws={"fontsize": 6.5}, **colors)
    axis.invert_yaxis()
    axis.tick_params(rotation=0)
    _frame(axis, title)


def _dashes(axis: Axes, lost: pd.Series) -> None:
    """A dash in the cells of a heat map that lack runs."""
    graphs, texts = _values(lost)
    for graph, text in lost[lost].index:
        axis.text(graphs.index(graph) + 0.5, texts.index(text) + 0.5, DASH, ha="center", va="center", fontsize=7)


def _grid(family: Family) -> pd.MultiIndex:
    """All cells of the grid, those without any run included."""
    lost = pd.DataFrame([values(cell) for cell in family.lost["variant"]], columns=GRID).dropna().astype(float)
    each = [sorted({*family.runs[name], *lost[name]}) for name in GRID]
    return pd.MultiIndex.from_product(each, names=GRID)


def _values(table: pd.DataFrame | pd.Series) -> tuple[list[float], list[float]]:
    """The graph signals and the text signals of the grid."""
    graphs, texts = (sorted(set(table.index.get_level_values(name))) for name in GRID)
    return graphs, texts


def _frame(axis: Axes, title: str) -> None:
    axis.set_xlabel("graph signal")
    axis.set_ylabel("text signal")
    axis.set_title(title)
    axis.grid(visible=False)
