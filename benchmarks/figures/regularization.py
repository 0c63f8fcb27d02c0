"""Regularization: what each strength of L2 and dropout changes of a model's score, against its tuned values."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from benchmarks.analysis.drawing import said
from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import label
from benchmarks.data.grid import values
from benchmarks.training.variants import BASE

KNOBS = {"weight_decay": "L2 (weight decay)", "dropout": "dropout"}
"""The knobs of the grid, and their names for readers."""
UNDECIDED = 0.35
"""Opacity of a change that is not told from none."""
POINTS = 100
"""Changes are in hundredths of a score."""


def make(records: Records) -> Figure:
    """A row a dataset, a column a model; all colors have one scale."""
    changes = {(d, m): _changes(records, d, m) for d in records.cards for m in records.models}
    changes = {panel: table for panel, table in changes.items() if len(table)}
    if not changes:
        return said("no model ran over a grid of L2 and dropout")
    datasets, models = (list(dict.fromkeys(names)) for names in zip(*changes, strict=True))
    limit = max(table["change"].abs().max() for table in changes.values())
    colors = ScalarMappable(Normalize(-limit, limit), "vlag_r")
    figure, axes = plt.subplots(
        len(datasets), len(models), squeeze=False, layout="constrained",
        figsize=(2.5 * len(models) + 0.9, 2.1 * len(datasets) + 0.3),
    )  # fmt: skip
    for axis in axes.flat:
        axis.set_axis_off()
    for (dataset, model), table in changes.items():
        axis = axes[datasets.index(dataset), models.index(model)]
        axis.set_axis_on()
        _panel(axis, table, colors)
        base = records.runs[(records.runs[["dataset", "model", "variant"]] == [dataset, model, BASE]).all(axis=1)]
        metric = records.metric(dataset)
        tuned = f"{METRICS[metric]} {base[metric].mean(skipna=False):.3f} when tuned, n = {table['runs'].max()} runs"
        axis.set_title(f"{label(model)}, {dataset}\n{tuned}")
    scale = figure.colorbar(colors, ax=axes, aspect=30)
    scale.set_label(
        "change from the tuned values, in points (0.01)\n* better or worse at 5 %, Holm; pale: undecided or tied"
    )
    scale.outline.set_visible(False)
    return figure


def _changes(records: Records, dataset: str, model: str) -> pd.DataFrame:
    """A row a cell of the grid: its knobs, the mean paired change with a * where it is told from none, and runs."""
    ran = records.runs[(records.runs["dataset"] == dataset) & (records.runs["model"] == model)]
    asked = records.pairs[(records.pairs["dataset"] == dataset) & (records.pairs["model"] == model)]
    found = []
    for variant in ran["variant"].unique():
        if (knobs := values(variant)).keys() == KNOBS.keys():
            pairs = records.paired(dataset, model, variant)
            verdicts = asked.loc[(asked["question"] == "base") & (asked["variant"] == variant), "verdict"]
            change = POINTS * (pairs[variant] - pairs[BASE]).mean(skipna=False)
            mark = "*" if len(verdicts) and verdicts.isin(["better", "worse"]).all() else ""  # in each group
            cell = {"change": change, "text": f"{round(change, 1) + 0.0:+.1f}{mark}", "runs": len(pairs)}
            found.append({knob: float(value) for knob, value in knobs.items()} | cell)
    return pd.DataFrame(found)


def _panel(axis: Axes, table: pd.DataFrame, colors: ScalarMappable) -> None:
    rows, columns = KNOBS
    changes, texts = (
        table.pivot_table(shown, rows, columns, aggfunc="first", dropna=False) for shown in ("change", "text")
    )
    told = texts.map(lambda text: text.endswith("*"))
    for mask, alpha in ((told, UNDECIDED), (~told, 1.0)):
        sns.heatmap(
            changes, annot=texts, fmt="", cmap=colors.cmap, vmin=colors.norm.vmin, vmax=colors.norm.vmax, cbar=False,
            ax=axis, mask=mask, linewidths=0.5, annot_kws={"fontsize": 7, "color": "black"}, alpha=alpha,
        )  # fmt: skip
    axis.grid(visible=False)
    axis.set(xlabel=KNOBS[columns], ylabel=KNOBS[rows])
    axis.tick_params(length=0, rotation=0)
