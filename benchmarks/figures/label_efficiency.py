"""Label efficiency: test scores over the share of students whose labels are known, one panel a family."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from benchmarks.analysis.drawing import ONE_RUN, curves, legend, note_of, panels, said, title
from benchmarks.analysis.families import models_in, varying
from benchmarks.analysis.records import METRICS, Family, Records
from benchmarks.analysis.style import GREY

DIAL = "labeled"


def make(records: Records) -> Figure:
    """A panel for each family whose cells differ in the share of labels."""
    families = varying(records, DIAL)
    if not families:
        return said("no runs over the share of labels")
    figure, axes = panels(len(families), 3.6, 2.6)
    for axis, (name, family) in zip(axes, families.items(), strict=True):
        _panel(axis, records, name, family)
    legend(figure, ONE_RUN, ncols=4)
    return figure


def _panel(axis: Axes, records: Records, name: str, family: Family) -> None:
    curves(axis, family.runs, DIAL, family.metric, models_in(records, family.runs))
    if family.metric == "roc_auc":
        axis.axhline(0.5, color=GREY, linestyle="--", linewidth=0.9, zorder=1, label="by chance")
    shares, students = sorted(set(family.runs[DIAL])), family.card["students"]
    axis.set_xscale("log")
    axis.set_xticks(shares, [f"{100 * share:g}\n{students * share:.0f}" for share in shares])
    axis.xaxis.set_minor_locator(NullLocator())
    note = note_of(family, family.runs, DIAL)
    axis.set_xlabel(f"% of students labeled, and how many (validation included)\n{note}")
    axis.set_ylabel(f"{METRICS[family.metric]} on test")
    axis.set_title(title(name, family))
