"""What figures share: panels, the lines of models, the key of what is drawn, and a message where nothing is."""

import textwrap
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis.records import Family
from benchmarks.analysis.style import COLORS, GREY, MARKERS, label

COLUMNS = 3
"""Panels in a row at most."""


def said(text: str) -> Figure:
    """A figure that says why there is none."""
    figure = plt.figure(figsize=(4, 1))
    figure.text(0.5, 0.5, textwrap.fill(text, 60), ha="center", va="center")
    return figure


def panels(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, each so many inches wide and high, with room for a key."""
    columns, rows = min(COLUMNS, count), -(-count // COLUMNS)
    size = (width * columns, height * rows + 0.4)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat[count:]:
        axis.remove()
    return figure, list(axes.flat[:count])


def legend(figure: Figure, *more: Artist, **options: Any) -> None:
    """Below the panels, what any of them has a label for, each once, the paper's four first, `more` last."""
    found: dict[str, Artist] = {}
    for axis in figure.axes:
        found |= {name: handle for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)}
        if own := axis.get_legend():
            own.remove()
    found = dict(sorted(found.items(), key=lambda item: item[0] not in map(label, COLORS)))
    handles = [*found.values(), *more]
    names = [*found, *(str(handle.get_label()) for handle in more)]
    options = {"ncols": len(names)} | options
    figure.legend(handles, names, loc="outside lower center", **options)


def palette(models: list[str]) -> dict[str, str]:
    """The color of each model."""
    return {model: COLORS.get(model, GREY) for model in models}


def or_another(model: str) -> str:
    """A model's name where the paper's four alone are told apart."""
    return label(model) if model in COLORS else "another model"


def lines(
    axis: Axes, points: pd.DataFrame, x: str, y: str, names: Callable[[str], str] = label, **options: Any
) -> None:
    """A line a model, broken where a point is not known: the paper's four on top in color, an oracle dotted."""
    pieces = points["model"] + points[y].isna().cumsum().astype(str)
    points = points.assign(name=points["model"].map(names), piece=pieces)
    of = points.drop_duplicates("name").set_index("name")["model"]
    sns.lineplot(
        points, x=x, y=y, hue="name", style="name", size="name", units="piece", estimator=None, ax=axis,
        palette={name: COLORS.get(model, GREY) for name, model in of.items()},
        markers={name: MARKERS.get(model, ",") for name, model in of.items()},  # a pixel is hidden by its line
        dashes={name: (1, 1.5) if model.startswith("oracle") else "" for name, model in of.items()},
        sizes={name: 1.3 if model in COLORS else 0.7 for name, model in of.items()},
        **{"markersize": 4.5, "markeredgewidth": 0.5} | options,
    )  # fmt: skip
    for line in axis.get_lines():
        line.set_zorder(3 if line.get_color() in COLORS.values() else line.get_zorder())


def curves(axis: Axes, rows: pd.DataFrame, dial: str, score: str, models: list[str]) -> None:
    """Over an option of a family's cells, single runs as dots, and each model's mean as a line."""
    runs = rows[rows["model"].isin([model for model in models if not model.startswith("oracle")])]
    colors = palette(models)
    sns.scatterplot(runs, x=dial, y=score, hue="model", palette=colors, alpha=0.4, s=9, legend=False, ax=axis)
    means = rows.groupby(["model", dial])[score].mean(skipna=False)
    lines(axis, means.reindex(models, level="model").reset_index(), dial, score)


ONE_RUN = Line2D([], [], color=GREY, marker=".", linestyle="", alpha=0.6, label="one run")


def title(name: str, family: Family) -> str:
    """Which dataset a family is of, its dial left out of the name, and what is predicted."""
    return f"{name.split('-', 1)[-1]}: {family.card['target']}"


def note_of(family: Family, rows: pd.DataFrame, dial: str) -> str:
    """How many students are tested in a cell, how many runs a mean is of, and how many rows of cells have none."""
    fewest, most, runs = rows["students"].min(), rows["students"].max(), rows.groupby([dial, "model"]).size().max()
    sizes = f"{most}" if fewest == most else f"{fewest} to {most}"
    said = f"{sizes} students tested, " + ("one run a point" if runs == 1 else f"{runs} runs a point")
    return said + (f", {len(family.lost)} without a run" if len(family.lost) else "")
