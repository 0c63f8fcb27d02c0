"""Tuning curves: the best validation score to expect over the budget.

Dodge et al., 2019, https://arxiv.org/abs/1909.03004. A recipe's trials, which are charged to the rows that use it, come
first, so such a curve starts where they are spent.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.analysis.drawing import legend, lines, or_another, panels, said
from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.trials import budget, charged, expected_maximum, of_row

MARKED = 12
"""Markers on a line at most."""


def make(records: Records) -> Figure:
    """A panel a dataset with tuned models: the mission's four in color, the others grey."""
    curves = {dataset: found for dataset in records.cards if len(found := _curves(records, dataset))}
    if not curves:
        return said("no model was tuned")
    figure, axes = panels(len(curves), 2.5, 1.8)
    for axis, (dataset, points) in zip(axes, curves.items(), strict=True):
        last, splits = points["trials"].max(), points["splits"].max()
        lines(axis, points, "trials", "best", or_another, markevery=-(-last // MARKED))
        axis.set(
            title=f"{dataset}: " + (f"mean of {splits} splits" if splits > 1 else "one split"),
            xlabel="trials, those of its recipe first", xlim=(0.7, last + 0.3),
            ylabel=f"best {METRICS[records.metric(dataset)]} to expect\non validation",
        )  # fmt: skip
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(figure)
    return figure


def _curves(records: Records, dataset: str) -> pd.DataFrame:
    """By model, the best score to expect by the number of trials, the recipe's included: the mean over splits."""
    found = [pd.DataFrame()]
    for model in records.models:
        trials = of_row(records, dataset, model)
        own, before = budget(trials), charged(records, dataset, model)
        splits = [part for _, part in trials.groupby("split") if (part["state"] == "ok").any()]
        if splits:
            best = np.mean([expected_maximum(_values(part), own) for part in splits], axis=0)
            of = {"model": model, "splits": trials["split"].nunique(), "best": best}
            found.append(pd.DataFrame(of | {"trials": np.arange(1, own + 1) + before}))
    return pd.concat(found)


def _values(trials: pd.DataFrame) -> np.ndarray:
    """Validation scores; a trial that failed or was given up counts as the worst of the others: it was paid for."""
    return trials["value"].astype(float).fillna(trials["value"].min()).to_numpy()
