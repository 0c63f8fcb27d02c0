"""Label efficiency: test scores over the share of students whose labels are known, one panel a family."""

from math import nan

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.analysis.curves import chance_key, curves, key, note_of, title
from benchmarks.analysis.families import models_in, varying
from benchmarks.analysis.records import METRICS, Family, Records
from benchmarks.analysis.style import GREY

DIAL = "labeled"


def make(records: Records) -> Figure:
    """A panel for each family whose cells differ in the share of labels."""
    families = varying(records, DIAL)
    if not families:
        figure = plt.figure(figsize=(3.4, 1))
        figure.text(0.5, 0.5, "no runs over the share of labels", ha="center")
        return figure
    figure, axes = plt.subplots(
        1, len(families), figsize=(3.6 * len(families), 2.9), squeeze=False, layout="constrained"
    )
    for axis, (name, family) in zip(axes[0], families.items(), strict=True):
        _panel(axis, records, name, family)
    shown = {model for family in families.values() for model in family.runs["model"]}
    figure.legend(
        handles=[*key(records, shown), chance_key()], loc="outside lower center", ncols=3, frameon=False, fontsize=7
    )
    return figure


def _panel(axis: Axes, records: Records, name: str, family: Family) -> None:
    curves(axis, family.runs, DIAL, family.metric, models_in(records, family.runs))
    shares = sorted(set(family.runs[DIAL]))
    axis.set_xscale("log")
    students = family.card["students"]
    axis.set_xticks(shares, [f"{100 * share:g}\n{students * share:.0f}" for share in shares])
    axis.axhline(0.5 if family.metric == "roc_auc" else nan, color=GREY, linestyle="--", linewidth=0.9, zorder=1)
    axis.xaxis.set_minor_locator(NullLocator())
    note = note_of(family, family.runs, DIAL)
    axis.set_xlabel(f"% of students labeled, and how many (validation included)\n{note}", fontsize=7)
    axis.set_ylabel(f"{METRICS[family.metric]} on test")
    axis.set_title(title(name, family), fontsize=7)
