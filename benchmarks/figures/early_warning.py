"""Early warning: over the time of the cut-off, the score, and what staff find who can see a tenth of the students."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.analysis.drawing import ONE_RUN, curves, legend, note_of, said, title
from benchmarks.analysis.families import as_deployed, clock, days_left, models_in, varying
from benchmarks.analysis.records import METRICS, Family, Records
from benchmarks.analysis.style import GREY

DIAL = "cutoff"
SHARE = 0.1
"""Of the students, whom staff can see."""


def make(records: Records) -> Figure:
    """A row for each family whose cells differ in the cut-off: score, precision, recall."""
    families = {name: family for name, family in varying(records, DIAL).items() if len(family.alerts)}
    if not families:
        return said("no runs over the cut-off")
    size = (7.2, 2.1 * len(families) + 0.4)
    figure, axes = plt.subplots(len(families), 3, figsize=size, squeeze=False, layout="constrained")
    for row, (name, family) in zip(axes, families.items(), strict=True):
        _row(list(row), records, name, family)
    legend(figure, ONE_RUN)
    return figure


def _row(axes: list[Axes], records: Records, name: str, family: Family) -> None:
    """Days left, where they are known, stand below the cut-offs."""
    runs, seen = as_deployed(family.runs), as_deployed(family.alerts)
    seen = seen[seen["share"] == SHARE]
    prevalence = runs.groupby(DIAL)["prevalence"].mean(skipna=False)
    left = pd.Series({cut: days_left(alerts) for cut, alerts in seen.groupby(DIAL)})
    unit = f"{clock(family)} of the cut-off"
    marks = [f"{cut:g}" + ("" if pd.isna(days) else f"\n{days:.0f} d") for cut, days in left.items()]
    panels = [
        (runs, family.metric, f"{METRICS[family.metric]} on test", prevalence * 0 + 0.5),
        (seen, "precision", f"precision, {SHARE:.0%} of students seen", prevalence),
        (seen, "recall", f"recall, {SHARE:.0%} of students seen", prevalence * 0 + SHARE),
    ]
    for axis, (rows, score, heading, chance) in zip(axes, panels, strict=True):
        curves(axis, rows, DIAL, score, models_in(records, runs))
        axis.plot(chance, color=GREY, linestyle="--", linewidth=0.9, zorder=1, label="by chance")
        axis.set_xticks(left.index, marks)
        axis.set(title=heading, xlabel=unit if left.isna().all() else f"{unit}, and days left", ylabel="")
    axes[0].set_ylabel(title(name, family).replace(": ", "\n"))
    axes[1].set_xlabel(f"{axes[1].get_xlabel()}\n{note_of(family, runs, DIAL)}")
