"""Critical-difference diagram (Demsar, 2006): average ranks over datasets; bars join what is not told apart."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from benchmarks.analysis.ranking import DATASETS, shared
from benchmarks.analysis.records import Records
from benchmarks.analysis.stats import average_ranks, critical_difference
from benchmarks.analysis.style import COLORS, GREY, MARKERS, label


def make(records: Records) -> Figure:
    """A row a model, the best rank on top; below them the bars, and how long a bar may be."""
    standing = shared(records)
    if standing.empty:
        figure = plt.figure(figsize=(3.4, 1))
        figure.text(0.5, 0.5, f"fewer than {DATASETS} datasets share two models", ha="center")
        return figure
    datasets, count = standing.shape
    ranks, longest = average_ranks(standing.to_numpy()), critical_difference(count, datasets)
    order = np.argsort(ranks, kind="stable")
    bars = cliques(ranks[order], longest)
    rows = count + len(bars)
    figure, axis = plt.subplots(figsize=(3.4, 0.18 * rows + 1.1), layout="constrained")
    for place, model in enumerate(order):
        name = standing.columns[model]
        color, marker = COLORS.get(name, GREY), MARKERS.get(name, "o")
        axis.plot(ranks[model], place, marker, color=color, markersize=5, zorder=3)
        text = f"{ranks[model]:.2f}"
        axis.annotate(text, (ranks[model], place), (6, 0), textcoords="offset points", va="center", fontsize=7)
    for place, (first, last) in enumerate(bars):
        ends = ranks[order[first]] - 0.03, ranks[order[last]] + 0.03
        axis.plot(ends, [count + place] * 2, color="black", linewidth=2.5, solid_capstyle="butt")
    axis.plot([1, 1 + longest], [-1, -1], color="black", linewidth=0.9, marker="|", markersize=5, clip_on=False)
    text = f"critical difference {longest:.2f}"
    axis.annotate(text, (1 + longest, -1), (6, 0), textcoords="offset points", va="center", fontsize=7)
    axis.set_yticks(range(count), [label(standing.columns[model]) for model in order])
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
