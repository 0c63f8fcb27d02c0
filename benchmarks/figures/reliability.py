"""Reliability diagram: a panel a dataset, predicted against observed; the paper's four models in color.

The recorded bins are joined until each point stands for enough students, so small datasets have few points or, with
fewer than three, no panel: what they would show is chance.
"""

import textwrap

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.drawing import legend, lines, or_another, panels, said
from benchmarks.analysis.families import models_in
from benchmarks.analysis.records import Records

STUDENTS = 50
"""Test students behind a point at least: the standard error of an observed frequency is then 0.07 at most."""
POINTS = 3
"""Points of a panel at least."""


def make(records: Records) -> Figure:
    """One panel for each dataset with enough test students; a line joins a model's points, means over its runs."""
    bins = records.calibration
    ran = [d for d in records.datasets if (bins["dataset"] == d).any()]
    tested = {d: _tested(records, d) for d in ran}
    datasets = [d for d in ran if tested[d] // STUDENTS >= POINTS]
    small = [f"{d} ({tested[d]})" for d in ran if d not in datasets]
    left_out = f"Left out, with fewer than {STUDENTS * POINTS} test students: {', '.join(small)}." if small else ""
    if not datasets:
        return said(left_out or "No dataset has predictions.")
    figure, axes = panels(len(datasets), 2.4, 2.7)
    for axis, dataset in zip(axes, datasets, strict=True):
        _panel(axis, records, dataset, bins[bins["dataset"] == dataset], tested[dataset])
    legend(figure, title=textwrap.fill(left_out, 100, break_on_hyphens=False))
    return figure


def _tested(records: Records, dataset: str) -> int:
    """Test students of a dataset, each once, in however many splits; raises ValueError where records do not say."""
    found = records.descriptions.reindex(columns=["dataset", "tested"])
    tested = found.loc[found["dataset"] == dataset, "tested"].dropna()
    if tested.empty:
        raise ValueError(
            f"records/{dataset}/description.parquet does not say how many students are tested (column 'tested'): it is "
            f"older than this figure. Score {dataset} again, which makes records/{dataset} anew"
        )
    return int(tested.iloc[0])


def joined(bins: pd.DataFrame, points: int) -> pd.DataFrame:
    """At most `points` of predicted and observed probability: neighboring bins' means, weighted by their share."""
    place = bins["bin"] * points // max(points, bins["bin"].max() + 1)
    weighted = bins[["predicted", "observed"]].mul(bins["share"], axis=0).groupby(place).sum()
    return weighted.div(bins["share"].groupby(place).sum(), axis=0)


def _panel(axis: Axes, records: Records, dataset: str, bins: pd.DataFrame, tested: int) -> None:
    of = {model: joined(bins[bins["model"] == model], tested // STUDENTS) for model in models_in(records, bins)}
    points = pd.concat(of, names=["model"]).reset_index()
    lines(axis, points, "predicted", "observed", or_another, markersize=3.5, markeredgewidth=0)
    axis.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8, zorder=1, label="calibrated")
    several = records.cards[dataset]["kind"] == "multiclass"
    runs = bins.groupby("model")[["split", "seed"]].value_counts().groupby("model").size().max()
    splits = bins["split"].nunique()
    axis.set(
        title=f"{dataset}\nn = {tested:,} tested{f' of {splits} splits' * (splits > 1)}, {runs} runs",
        xlabel="confidence of the decision" if several else "predicted probability",
        ylabel="share that is right" if several else "observed frequency",
        xlim=(0, 1), ylim=(0, 1), box_aspect=1,
    )  # fmt: skip
