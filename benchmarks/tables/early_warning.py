"""Early warning: over the time of the cut-off, the score, and precision, recall and lead time of whom staff can see."""

import pandas as pd

from benchmarks.analysis.families import as_deployed, clock, models_in, varying
from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import DASH, named
from benchmarks.analysis.style import label

DIAL = "cutoff"
FOUND = ("precision", "recall")


def make(records: Records) -> pd.DataFrame:
    """A row a family, cut-off and model."""
    rows, labels = [], []
    for name, family in varying(records, DIAL).items():
        runs, alerts = as_deployed(family.runs), as_deployed(family.alerts)
        for cutoff in sorted(set(runs[DIAL])):
            for model in models_in(records, runs):
                own = runs[(runs[DIAL] == cutoff) & (runs["model"] == model)]
                seen = alerts[(alerts[DIAL] == cutoff) & (alerts["model"] == model)]
                labels.append((name, f"{clock(family)} {cutoff:g}", label(model)))
                row: dict[tuple[str, str], object] = {
                    (METRICS[family.metric], "mean"): own[family.metric].mean(skipna=False),
                    (METRICS[family.metric], "sd"): own[family.metric].std(skipna=False),
                    ("At risk", ""): own["prevalence"].mean(),
                }
                for share, found in seen.groupby("share"):
                    row |= {(f"{what.capitalize()} at {share:.0%}", ""): found[what].mean() for what in FOUND}
                days = seen["lead"].median()
                rows.append(row | {("Days left", ""): DASH if pd.isna(days) else f"{days:.0f}", ("Runs", ""): len(own)})
    columns = pd.MultiIndex.from_tuples(dict.fromkeys(column for row in rows for column in row)) if rows else None
    index = named(labels, ["Dataset", "Cut-off", "Model"])
    frame = pd.DataFrame(rows, index=index, columns=columns)
    frame.attrs = {
        "caption": "Warning at a cut-off: score on test, the share of "
        "tested students who are at risk, and, when staff can see a share of the students, those first whom the model "
        "takes for the most at risk: how many of these are (precision) and how many of those at risk are among them "
        "(recall). By chance, precision is the share at risk and recall the share seen. Days left: until the outcome "
        "shows, the median of those found. Models on their default hyper-parameters; mean over networks, splits and "
        "seeds. Where a split tests a later run of a course, it alone counts.",
        "notes": [],
    }
    return frame
