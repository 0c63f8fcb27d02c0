"""Phase diagram: over the strength of text and graph, who wins, and how much of what could be won BERT+GCN wins."""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.stats import norm

from benchmarks.analysis import stats
from benchmarks.analysis.drawing import legend, palette, said
from benchmarks.analysis.records import Family, Records
from benchmarks.analysis.rows import DASH
from benchmarks.analysis.style import label
from benchmarks.data.grid import values

FAMILY = "phase"
GRID = ["graph_signal", "text_signal"]
DISAGREEMENT = 0.2
"""Share of the students of whom two models decide differently: the standard error of a paired difference follows."""
WITHIN, LOST = "#D6D6D6", "#F2F2F2"
"""Colors of a lead within chance, and of a cell without a value."""


def make(records: Records) -> Figure:
    """Three panels: winner and lead, what the joint oracle reaches, and how much of that BERT+GCN wins."""
    family = records.families.get(FAMILY)
    if family is None or not {"oracle", "bert-gcn", "mlp"} <= set(family.runs["model"]):
        return said("rows of the phase diagram have no run: see the end of the workflow's output")
    counts = family.runs.groupby([*GRID, "model"])["accuracy"].transform("size")
    each, runs = int(counts.max()), family.runs[counts == counts.max()]  # a mean over fewer is of other networks: lost
    table = runs.pivot_table(index=GRID, columns="model", values="accuracy", aggfunc="mean", skipna=False)
    table = table.reindex(index=_grid(family), columns=family.models)
    models = [m for m in records.models if m in family.models and not m.startswith("oracle")]
    error = math.sqrt(DISAGREEMENT / runs.groupby([*GRID, "model", "seed"])["students"].sum().min())
    shares = runs.groupby(GRID)["prevalence"].mean()
    floor = shares.where(shares > 0.5, 1 - shares)  # what the majority class gives
    oracle, ours = table["oracle"], table["bert-gcn"]
    won = ((ours - floor) / (oracle - floor)).where(oracle - floor > 4 * error)
    leads = _leads(table[models], error)
    lost, winners = leads["lead"].isna(), leads["winner"].where(leads["told"], "")
    places = winners.map(["", *models].index).mask(lost)
    figure, axes = plt.subplots(1, 3, figsize=(7.4, 2.9), layout="constrained")
    lead, optimum = _texts(100 * leads["lead"], "+{:.0f}", lost), _texts(oracle, "{:.2f}", oracle.isna())
    share = _texts(won, "{:.0%}", (ours + oracle).isna())
    told = ListedColormap([WITHIN, *palette(models).values()])
    _heat(axes[0], "Most accurate model,\nlead in percentage points", places, lead, told, 0, len(models))
    _heat(axes[1], "Bayes optimum\n(accuracy of the joint oracle)", oracle, optimum, colormaps["Greys"], 0.5, 1)
    _heat(axes[2], "What BERT+GCN wins of it,\nabove the majority class", won, share, colormaps["RdBu"], -1, 1)
    key = [Patch(color=color, label=label(m)) for m, color in palette(models).items() if (winners == m).any()]
    key.append(Patch(color=WITHIN, label="a lead within chance"))
    if lost.any():
        key.append(Patch(color=LOST, label=f"{DASH} lost: a model lacks runs ({lost.sum()} of {len(leads)} cells)"))
    note = (
        f"{runs['students'].max()} test students and {each} run{'s' * (each > 1)} a cell and model, default "
        f"hyper-parameters. Chance: 5 %, Holm over all cells\n"
        f"and pairs of models, taken to decide {DISAGREEMENT:.0%} of the students differently. "
        f"Blank on the right: the optimum is less than {400 * error:.0f} points above the majority."
    )
    legend(figure, *key, title=note)
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


def _texts(values: pd.Series, form: str, lost: pd.Series) -> pd.Series:
    """What stands in the cells: the value, nothing where there is none, a dash where it is `lost`."""
    return values.map(form.format).where(values.notna(), "").mask(lost, DASH)


def _heat(
    axis: Axes, title: str, values: pd.Series, texts: pd.Series, colors: Colormap, low: float, high: float
) -> None:
    """A heat map over the grid with `texts` in its cells; pale where there is no value."""
    shown, said = (
        cells.rename("cell").reset_index().pivot_table("cell", GRID[1], GRID[0], aggfunc="first")[::-1]
        for cells in (values.fillna(low - 1), texts)
    )
    sns.heatmap(
        shown.rename(index="{:g}".format, columns="{:g}".format), annot=said, fmt="", annot_kws={"fontsize": 7},
        cmap=colors.with_extremes(under=LOST), vmin=low, vmax=high, cbar=False, ax=axis,
    )  # fmt: skip
    axis.set(title=title, xlabel="graph signal", ylabel="text signal")
    axis.tick_params(rotation=0)
    axis.grid(visible=False)


def _grid(family: Family) -> pd.MultiIndex:
    """All cells of the grid, those without any run included."""
    lost = pd.DataFrame([values(cell) for cell in family.lost["variant"]], columns=GRID).dropna().astype(float)
    each = [sorted({*family.runs[name], *lost[name]}) for name in GRID]
    return pd.MultiIndex.from_product(each, names=GRID)
