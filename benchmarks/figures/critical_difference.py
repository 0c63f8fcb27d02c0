"""Critical-difference diagram (Demsar, 2006): average ranks over datasets; bars join what is not told apart."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from benchmarks.analysis.drawing import palette, said
from benchmarks.analysis.ranking import DATASETS, shared
from benchmarks.analysis.records import Records
from benchmarks.analysis.stats import average_ranks, critical_difference
from benchmarks.analysis.style import MARKERS, label


def make(records: Records) -> Figure:
    """A row a model, the best rank on top; below them the bars, and how long a bar may be."""
    standing = shared(records)
    if standing.empty:
        return said(f"fewer than {DATASETS} datasets share two models")
    datasets, count = standing.shape
    ranks = pd.Series(average_ranks(standing.to_numpy()), standing.columns).sort_values(kind="stable")
    longest = critical_difference(count, datasets)
    bars = cliques(ranks.to_numpy(), longest)
    rows, models = count + len(bars), list(ranks.index)
    figure, axis = plt.subplots(figsize=(3.4, 0.18 * rows + 1.1), layout="constrained")
    markers = {model: MARKERS.get(model, "o") for model in models}
    sns.scatterplot(
        x=ranks, y=range(count), hue=models, style=models, palette=palette(models), markers=markers, s=30, linewidth=0,
        legend=False, ax=axis, zorder=3,
    )  # fmt: skip
    for place, (first, last) in enumerate(bars, count):
        axis.hlines(place, ranks.iloc[first] - 0.03, ranks.iloc[last] + 0.03, color="black", linewidth=2.5)
    axis.plot([1, 1 + longest], [-1, -1], color="black", linewidth=0.9, marker="|", markersize=5, clip_on=False)
    said_of = [(rank, place, f"{rank:.2f}") for place, rank in enumerate(ranks)]
    for x, y, text in (*said_of, (1 + longest, -1, f"critical difference {longest:.2f}")):
        axis.annotate(text, (x, y), (6, 0), textcoords="offset points", va="center", fontsize=7)
    axis.set_yticks(range(count), list(map(label, models)))
    axis.set_ylim(rows - 0.4, -1.6)
    axis.set_xlim(0.9, max(count, 1 + longest) + 0.1)
    axis.set_xticks(range(1, count + 1))
    axis.set_xlabel(f"average rank on {datasets} datasets (1 is best)\nbars: not told apart by Nemenyi's test at 5 %")
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", visible=True)
    return figure


def cliques(ranks: np.ndarray, longest: float) -> list[tuple[int, int]]:
    """First and last place of each largest group whose sorted `ranks` [models] differ by less than `longest`."""
    found: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = int(np.flatnonzero(ranks - rank < longest).max())
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
