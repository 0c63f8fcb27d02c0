"""How models look in tables and figures: one name, color and marker each, throughout.

Colors are from the Okabe-Ito palette, which color-blind readers can tell apart; the paper's four models have one,
the others are grey.
"""

import math

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks.data.grid import values

LABELS = {
    "majority": "Majority",
    "mlp": "MLP",
    "gcn": "GCN",
    "transformer": "Transformer",
    "bert-gcn": "BERT+GCN",
    "logistic": "Logistic",
    "logistic-neighbors": "Logistic + neighbors",
    "trees": "Trees",
    "trees-all": "Trees + states + neighbors",
    "graphsage": "GraphSAGE",
    "gat": "GAT",
    "pyg": "GATv2",  # as it is timed: by default
    "gcnii": "GCNII",
    "gin": "GIN",
    "appnp": "APPNP",
    "gps": "GPS",
    "linkx": "LINKX",
    "label-propagation": "Label propagation",
    "correct-and-smooth": "Correct & Smooth",
    "frozen-mlp": "Frozen states + MLP",
    "frozen-gcn": "Frozen states + GCN",
    "oracle-text": "Oracle: text",
    "oracle-graph": "Oracle: graph + features",
    "oracle": "Oracle: all",
}
COLORS = {"mlp": "#E69F00", "gcn": "#009E73", "transformer": "#0072B2", "bert-gcn": "#D55E00"}
MARKERS = {"mlp": "s", "gcn": "^", "transformer": "D", "bert-gcn": "o"}
GREY = "#888888"
ARMS = {
    "train-only": "tokens, training students",
    "transductive": "tokens, all students shown",
    "graph": "interactions",
}
"""What a self-supervision learns from, for readers."""
ARM_COLORS = {"train-only": "#56B4E9", "transductive": "#0072B2", "graph": "#CC79A7"}
ARM_MARKERS = {"train-only": "s", "transductive": "o", "graph": "^"}


def label(model: str) -> str:
    """A model's name for readers; a new model's is its name in the config."""
    return LABELS.get(model, model)


def label_of_change(variant: str) -> str:
    """A variant's name for readers: a cell of a grid is told by its knobs, another's is its name in the config."""
    return ", ".join(f"{KNOBS.get(knob, knob)} {value}" for knob, value in values(variant).items()) or variant


KNOBS = {"weight_decay": "L2"}
"""Knobs that readers know by another word."""


def apply() -> None:
    """Fonts and lines of every figure, and nothing that changes from run to run."""
    rcParams.update(
        {
            "font.size": 8,
            "axes.titlesize": 7.5,
            "axes.labelsize": 7.5,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7.5,
            "legend.title_fontsize": 7,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "svg.hashsalt": "sgn",
            "pdf.fonttype": 42,
            "figure.dpi": 200,
            "savefig.dpi": "figure",
        }
    )


def decade(axis: Axes) -> None:
    """Show a decade at least on each logarithmic scale, so that noise is no slope, and label few steps.

    Of two decades and more, whole ones are labeled; of less, 1, 2 and 5.
    """
    for scale in (axis.xaxis, axis.yaxis):
        if scale.get_scale() == "log":
            low, high = scale.get_view_interval()
            wider = max(0.0, 1.2 - math.log10(high / low)) / 2
            low, high = low * 10**-wider, high * 10**wider
            scale.axes.set(**{f"{scale.axis_name}lim": (low, high)})
            scale.set_minor_formatter(NullFormatter())
            if high < 100 * low:
                scale.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
                scale.set_major_formatter("{x:g}")
