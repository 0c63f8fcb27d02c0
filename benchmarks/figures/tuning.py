"""Tuning curves: the best validation score to expect over the budget.

Dodge et al., 2019, https://arxiv.org/abs/1909.03004. A recipe's trials, which are charged to the rows that use it, come
first, so such a curve starts where they are spent.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.style import COLORS, GREY, MARKERS, label
from benchmarks.analysis.trials import budget, charged, expected_maximum, of_row

COLUMNS = 3
MARKED = 12
"""Trials up to which each has a marker."""


def make(records: Records) -> Figure:
    """A panel a dataset with tuned models: the mission's four in color, the others grey."""
    curves = {d: _curves(records, d) for d in records.cards}
    datasets = [dataset for dataset in curves if curves[dataset]]
    if not datasets:
        figure = plt.figure(figsize=(3, 1))
        figure.text(0.5, 0.5, "no model was tuned", ha="center")
        return figure
    columns = min(COLUMNS, len(datasets))
    rows = -(-len(datasets) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.5 * columns, 1.9 * rows + 0.4), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(datasets) :]:
        axis.set_visible(False)
    for axis, dataset in zip(axes.flat, datasets, strict=False):
        _panel(axis, records, dataset, curves[dataset])
    shown = {model for dataset in datasets for model in curves[dataset]}
    key = [
        Line2D([], [], color=COLORS[m], marker=MARKERS[m], markersize=4, label=label(m)) for m in COLORS if m in shown
    ]
    if shown - set(COLORS):
        key.append(Line2D([], [], color=GREY, linewidth=0.6, label="another model"))
    figure.legend(handles=key, loc="outside lower center", ncols=len(key), frameon=False, fontsize=7)
    return figure


def _curves(records: Records, dataset: str) -> dict[str, pd.Series]:
    """By model, the best score to expect by the number of trials, the recipe's included: the mean over splits."""
    curves = {}
    for model in records.models:
        trials = of_row(records, dataset, model)
        own, before = budget(trials), charged(records, dataset, model)
        splits = [part for _, part in trials.groupby("split") if (part["state"] == "ok").any()]
        if splits:
            mean = np.mean([expected_maximum(_values(part), own) for part in splits], axis=0)
            curves[model] = pd.Series(mean, index=np.arange(1, own + 1) + before)
    return curves


def _values(trials: pd.DataFrame) -> np.ndarray:
    """Validation scores; a trial that failed or was given up counts as the worst of the others: it was paid for."""
    return trials["value"].astype(float).fillna(trials["value"].min()).to_numpy()


def _panel(axis: Axes, records: Records, dataset: str, curves: dict[str, pd.Series]) -> None:
    last = max(curve.index[-1] for curve in curves.values())
    for model, curve in curves.items():
        width, zorder = (1.4, 3) if model in COLORS else (0.6, 2)
        axis.plot(
            curve.index, curve, color=COLORS.get(model, GREY), linewidth=width, zorder=zorder,
            marker=MARKERS.get(model, "") if last <= MARKED else "", markersize=4, markeredgecolor="white",
            markeredgewidth=0.5,
        )  # fmt: skip
    splits = records.trials.loc[records.trials["dataset"] == dataset, "split"].nunique()
    axis.set_title(f"{dataset}: " + (f"mean of {splits} splits" if splits > 1 else "one split"), fontsize=7)
    axis.set_ylabel(f"{METRICS[records.metric(dataset)]} on validation,\nexpected best so far", fontsize=7)
    axis.set_xlabel("trials, those of its recipe first", fontsize=7)
    axis.set_xlim(0.7, last + 0.3)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.tick_params(labelsize=7)
