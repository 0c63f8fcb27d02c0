"""The datasets' networks: a panel a dataset, nodes (mostly students) as dots, colored by what is predicted of them."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis.records import Records

COLUMNS = 4
DOTS = 130
"""An inch of what is rasterized: dots and links of eight networks would be megabytes as lines."""
PALETTE = ("#56B4E9", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#0072B2", "#F0E442", "#000000")


def make(records: Records) -> Figure:
    """At most a few hundred nodes a dataset; who has no contact in the sample stands at the rim."""
    datasets = list(records.networks)
    rows = max(1, -(-len(datasets) // COLUMNS))
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(7.2, 2.25 * rows), squeeze=False, layout="constrained", dpi=DOTS
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, dataset in zip(axes.flat, datasets, strict=False):
        _panel(axis, records, dataset)
    if not datasets:
        figure.text(0.5, 0.5, "no dataset is available", ha="center")
    figure.supxlabel(
        "Of larger networks, those nearest to one student in the middle of the largest component: "
        "classes are not drawn in their shares.", fontsize=6.5,
    )  # fmt: skip
    return figure


def _panel(axis: Axes, records: Records, dataset: str) -> None:
    nodes, links = records.networks[dataset]
    classes = _answers(records.cards[dataset])
    at = nodes[["x", "y"]].to_numpy()
    axis.set_rasterization_zorder(3)
    ends = at[links[["from", "to"]].to_numpy()]  # without intermediate greys an image is half as large
    axis.add_collection(LineCollection(ends, colors="#C4C4C4", linewidths=0.3, zorder=1, antialiaseds=False))
    colors = [PALETTE[label % len(PALETTE)] for label in nodes["label"]]
    axis.scatter(at[:, 0], at[:, 1], s=5, c=colors, linewidths=0, zorder=2)
    axis.set_title(f"{dataset}\n{len(nodes)} of {records.cards[dataset]['students']:,} nodes", fontsize=8)
    shown = sorted(set(nodes["label"]))
    key = [
        Line2D([], [], marker="o", linestyle="", markersize=3.5, color=PALETTE[c % len(PALETTE)], label=classes[c])
        for c in shown
    ]
    axis.legend(
        handles=key, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=min(3, len(key)), fontsize=6, frameon=False,
        handletextpad=0.1, columnspacing=0.8,
    )  # fmt: skip


def _answers(card: dict) -> list[str]:
    """Names of the labels; of a multilabel task, whether any answer is yes."""
    return ["none of them", " or ".join(card["classes"])] if card["kind"] == "multilabel" else card["classes"]
