"""The datasets' networks: a row of aggregates a dataset, and below them the synthetic networks' nodes.

Nobody is drawn of a real dataset: degrees, mixing between classes, components and weights rest on five students and
more each, see `benchmarks.analysis.people`.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis.people import FEWEST
from benchmarks.analysis.records import Records

PARTS = {
    "degree": ("Contacts of a node", "share of nodes"),
    "mixing": ("Contacts between classes", ""),
    "component": ("Size of a node's component", "share of nodes"),
    "weight": ("Weight of an edge", "share of edges"),
}
"""A panel each: its title, and what its bars count."""
DOTS = 130
"""An inch of what is rasterized: dots and links of a network would be megabytes as lines."""
BLUE = "#56B4E9"
PALETTE = (BLUE, "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#0072B2", "#F0E442", "#000000")


def make(records: Records) -> Figure:
    """Of a synthetic network at most a few hundred nodes; who has no contact in the sample stands at the rim."""
    found = records.network
    datasets = [d for d in records.datasets if (found["dataset"] == d).any()]
    if not datasets:
        figure = plt.figure(figsize=(4, 1))
        figure.text(0.5, 0.5, "No dataset is available.", ha="center", va="center")
        return figure
    heights = [1.6] * len(datasets) + [3.0] * bool(records.networks)
    figure = plt.figure(figsize=(7.2, sum(heights)), layout="constrained", dpi=DOTS)
    bands = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).flat
    for band, dataset in zip(bands, datasets, strict=False):
        card = records.cards[dataset]
        band.suptitle(f"{dataset}: {card['students']:,} nodes, {card['edges']:,} edges", fontsize=8, weight="bold")
        band.set_gid(f"aggregates-{dataset}")
        of = found[found["dataset"] == dataset]
        for axis, part in zip(band.subplots(1, len(PARTS)), PARTS, strict=True):
            rows = of[of["part"] == part]
            axis.set_title(PARTS[part][0], fontsize=7)
            axis.tick_params(labelsize=6)
            if rows["share"].isna().all():
                axis.set_axis_off()
                axis.text(0.5, 0.5, f"fewer than {FEWEST}\nstudents in a cell" if len(rows) else "none", ha="center",
                          va="center", fontsize=6)  # fmt: skip
            elif part == "mixing":
                _mixing(axis, rows, _answers(card))
            else:
                _bars(axis, rows, PARTS[part][1])
    if records.networks:
        panels = bands[len(datasets)].subplots(1, len(records.networks), squeeze=False)
        for axis, dataset in zip(panels.flat, records.networks, strict=True):
            _nodes(axis, records, dataset)
    return figure


def _bars(axis: Axes, rows: pd.DataFrame, counted: str) -> None:
    axis.bar(range(len(rows)), rows["share"], color=BLUE, width=0.9)
    ends = [_span(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)]
    rotation, side = (45, "right") if len(rows) > 3 else (0, "center")
    axis.set_xticks(range(len(rows)), ends, rotation=rotation, ha=side)
    axis.set_ylabel(counted, fontsize=6)


def _span(low: float, high: float) -> str:
    """A bin [low, high) in words: whole numbers by the first and the last that it holds."""
    if low in (0, 1) and high == 2 * low:
        return f"{low:g}"
    if low >= 1 or low == 0:
        return f"{low:g}\N{EN DASH}{max(high - 1, low):g}"
    return f"{low:g}\N{EN DASH}{high:g}"


def _mixing(axis: Axes, rows: pd.DataFrame, classes: list[str]) -> None:
    """A row a class: with which classes its contacts are."""
    table = rows.pivot_table(index="of", columns="to", values="share", dropna=False)
    axis.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.grid(visible=False)
    names = [classes[int(c)] for c in table.index]
    axis.set_yticks(range(len(names)), names, fontsize=5)
    axis.set_xticks(range(len(names)), names, fontsize=5, rotation=30 if len(names) > 2 else 0,
                    ha="right" if len(names) > 2 else "center")  # fmt: skip
    for (row, column), share in np.ndenumerate(table.to_numpy()):
        text = f"< {FEWEST}" if np.isnan(share) else f"{share:.2f}"
        axis.text(column, row, text, ha="center", va="center", fontsize=5, color="white" if share > 0.6 else "black")


def _nodes(axis: Axes, records: Records, dataset: str) -> None:
    nodes, links = records.networks[dataset]
    classes = _answers(records.cards[dataset])
    at = nodes[["x", "y"]].to_numpy()
    axis.set_axis_off()
    axis.set_gid(f"nodes-{dataset}")
    axis.set_rasterization_zorder(3)
    ends = at[links[["from", "to"]].to_numpy()]  # without intermediate greys an image is half as large
    axis.add_collection(LineCollection(ends, colors="#C4C4C4", linewidths=0.3, zorder=1, antialiaseds=False))
    colors = [PALETTE[label % len(PALETTE)] for label in nodes["label"]]
    axis.scatter(at[:, 0], at[:, 1], s=5, c=colors, linewidths=0, zorder=2)
    axis.set_title(
        f"{dataset}, drawn by a program: {len(nodes)} of its nodes, those nearest to one in the middle", fontsize=7
    )
    key = [
        Line2D([], [], marker="o", linestyle="", markersize=3.5, color=PALETTE[c % len(PALETTE)], label=classes[c])
        for c in sorted(set(nodes["label"]))
    ]
    axis.legend(handles=key, loc="upper left", fontsize=6, frameon=False, handletextpad=0.1)


def _answers(card: dict) -> list[str]:
    """Names of the labels; of a multilabel task, whether any answer is yes."""
    return ["none of them", " or ".join(card["classes"])] if card["kind"] == "multilabel" else card["classes"]
