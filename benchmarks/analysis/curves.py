"""Scores over an option of a family's cells: a line a model, as label efficiency and early warning draw them."""

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from benchmarks.analysis.records import Family, Records
from benchmarks.analysis.style import COLORS, GREY, MARKERS, label


def curves(axis: Axes, rows: pd.DataFrame, dial: str, score: str, models: list[str]) -> None:
    """Of each model, single runs as dots and their mean as a line; dotted where it is an oracle's."""
    for model in models:
        runs = rows[rows["model"] == model]
        mean = runs.groupby(dial)[score].mean(skipna=False)
        oracle = model.startswith("oracle")
        color = COLORS.get(model, GREY)
        if not oracle:
            axis.plot(runs[dial], runs[score], ".", color=color, alpha=0.35, markersize=3, zorder=2)
        axis.plot(
            mean.index, mean, color=color, linestyle=":" if oracle else "-", linewidth=1.2, zorder=1 if oracle else 3,
            marker="" if oracle else MARKERS.get(model, "o"), markersize=4.5, markeredgecolor="white",
            markeredgewidth=0.5,
        )  # fmt: skip
    axis.tick_params(labelsize=7)


def key(records: Records, shown: Iterable[str]) -> list[Line2D]:
    """Handles of a legend for these models, and for their single runs."""
    found = set(shown)
    handles = [
        Line2D(
            [], [], color=COLORS.get(model, GREY), linestyle=":" if model.startswith("oracle") else "-",
            marker="" if model.startswith("oracle") else MARKERS.get(model, "o"), markersize=4.5, label=label(model),
        )
        for model in records.models
        if model in found
    ]  # fmt: skip
    return [*handles, Line2D([], [], color=GREY, marker=".", linestyle="", alpha=0.6, label="one run")]


def chance_key() -> Line2D:
    """Handle of the line that shows what chance gives."""
    return Line2D([], [], color=GREY, linestyle="--", linewidth=0.9, label="by chance")


def title(name: str, family: Family) -> str:
    """Which dataset a family is of, its dial left out of the name, and what is predicted."""
    return f"{name.split('-', 1)[-1]}: {family.card['target']}"


def note_of(family: Family, rows: pd.DataFrame, dial: str) -> str:
    """How many students are tested in a cell, how many runs a mean is of, and how many rows of cells have none."""
    fewest, most, runs = rows["students"].min(), rows["students"].max(), rows.groupby([dial, "model"]).size().max()
    sizes = f"{most}" if fewest == most else f"{fewest} to {most}"
    said = f"{sizes} students tested, " + ("one run a point" if runs == 1 else f"{runs} runs a point")
    return said + (f", {len(family.lost)} without a run" if len(family.lost) else "")
