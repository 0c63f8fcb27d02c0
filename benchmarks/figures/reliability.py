"""Reliability diagram: a panel a dataset, predicted against observed; the paper's four models in color.

The recorded bins are joined until each point stands for enough students, so small datasets have few points or, with
fewer than three, no panel: what they would show is chance.
"""

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.analysis.records import Records
from benchmarks.analysis.style import COLORS, GREY, MARKERS, label

COLUMNS = 3
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
        figure = plt.figure(figsize=(4, 1))
        figure.text(0.5, 0.5, textwrap.fill(left_out or "No dataset has predictions.", 60), ha="center", va="center")
        return figure
    columns, rows = min(COLUMNS, len(datasets)), -(-len(datasets) // COLUMNS)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.4 * columns, 2.5 * rows + 0.4), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(datasets) :]:
        axis.set_visible(False)
    for axis, dataset in zip(axes.flat, datasets, strict=False):
        _panel(axis, records, dataset, bins[bins["dataset"] == dataset], tested[dataset])
    shown = set(bins.loc[bins["dataset"].isin(datasets), "model"])
    key = [
        Line2D([], [], color=COLORS[m], marker=MARKERS[m], markersize=4, label=label(m)) for m in COLORS if m in shown
    ]
    if shown - set(COLORS):
        key.append(Line2D([], [], color=GREY, linewidth=0.7, alpha=0.7, label="other rows"))
    key.append(Line2D([], [], color="black", linewidth=0.8, linestyle="--", label="calibrated"))
    figure.legend(handles=key, loc="outside lower center", ncols=3, frameon=False, fontsize=7,
                  title=textwrap.fill(left_out, 90), title_fontsize=7)  # fmt: skip
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
    axis.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8, zorder=1)
    shown = [m for m in records.models if (bins["model"] == m).any()]
    for model in sorted(shown, key=lambda m: m in COLORS):  # color on top
        points = joined(bins[bins["model"] == model], tested // STUDENTS)
        if model in COLORS:
            axis.plot(
                *points.to_numpy().T, color=COLORS[model], marker=MARKERS[model], markersize=3, linewidth=1.2, zorder=3
            )
        else:
            axis.plot(*points.to_numpy().T, color=GREY, marker=".", markersize=2, linewidth=0.7, alpha=0.7, zorder=2)
    several = records.cards[dataset]["kind"] == "multiclass"
    runs = bins.groupby("model")[["split", "seed"]].value_counts().groupby("model").size().max()
    splits = bins["split"].nunique()
    axis.set_title(f"{dataset}\nn = {tested} tested{f' of {splits} splits' * (splits > 1)}, {runs} runs", fontsize=7)
    axis.set_xlabel("confidence of the decision" if several else "predicted probability", fontsize=7)
    axis.set_ylabel("share that is right" if several else "observed frequency", fontsize=7)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.set_aspect("equal")
