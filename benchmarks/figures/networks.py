"""The datasets' networks: a row of aggregates a dataset, and below them the synthetic networks' nodes.

Nobody is drawn of a real dataset: degrees, mixing between classes, components and weights rest on five students and
more each, see `benchmarks.analysis.people`.
"""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from benchmarks.analysis.drawing import said
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


def make(records: Records) -> Figure:
    """Of a synthetic network at most a few hundred nodes; who has no contact in the sample stands at the rim."""
    found = records.network
    datasets = [d for d in records.datasets if (found["dataset"] == d).any()]
    if not datasets:
        return said("no dataset is available")
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
            axis.tick_params(labelsize=6.5)
            if rows["share"].isna().all():
                axis.set_axis_off()
                axis.text(0.5, 0.5, f"fewer than {FEWEST}\nstudents in a cell" if len(rows) else "none", ha="center",
                          va="center", fontsize=6.5)  # fmt: skip
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
    ends = [_span(low, high) for low, high in zip(rows["low"], rows["high"], strict=True)]
    sns.barplot(x=ends, y=rows["share"].to_numpy(), color=BLUE, saturation=1, width=0.9, errorbar=None, ax=axis)
    if len(rows) > 3:
        plt.setp(axis.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
    axis.set_ylabel(counted, fontsize=6.5)


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
    table = table.rename(lambda place: classes[int(place)]).rename(lambda place: classes[int(place)], axis="columns")
    texts = table.map("{:.2f}".format).where(table.notna(), f"< {FEWEST}")
    sns.heatmap(
        table.fillna(0), annot=texts, fmt="", cmap="Blues", vmin=0, vmax=1, cbar=False, ax=axis,
        annot_kws={"fontsize": 6},
    )  # fmt: skip
    axis.tick_params(rotation=0)
    if len(table) > 2:
        plt.setp(axis.get_xticklabels(), rotation=30, ha="right", rotation_mode="anchor")
    axis.set(xlabel="", ylabel="")
    axis.grid(visible=False)


def _nodes(axis: Axes, records: Records, dataset: str) -> None:
    nodes, links = records.networks[dataset]
    classes = _answers(records.cards[dataset])
    axis.set_axis_off()
    axis.set_gid(f"nodes-{dataset}")
    axis.set_rasterization_zorder(3)
    ends = nodes[["x", "y"]].to_numpy()[links[["from", "to"]].to_numpy()]  # [links, 2, 2]
    # without intermediate greys an image is half as large
    axis.add_collection(LineCollection(ends, colors="#DDDDDD", linewidths=0.3, zorder=1, antialiaseds=False))
    sns.scatterplot(
        x=nodes["x"], y=nodes["y"], hue=nodes["label"].map(classes.__getitem__), hue_order=classes,
        palette="colorblind", s=8, linewidth=0, zorder=2, ax=axis,
    )  # fmt: skip
    sns.move_legend(axis, "upper left", title="")
    axis.set_title(f"{dataset}, drawn by a program: {len(nodes)} of its nodes, those nearest to one in the middle")


def _answers(card: dict) -> list[str]:
    """Names of the labels; of a multilabel task, whether any answer is yes."""
    return ["none of them", " or ".join(card["classes"])] if card["kind"] == "multilabel" else card["classes"]
