"""Early warning: over the time of the cut-off, the score, and precision, recall and lead time of whom staff can see."""

import pandas as pd

from benchmarks.analysis.families import as_deployed, clock, days_left, models_in, varying
from benchmarks.analysis.people import HIDDEN
from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import DASH, mean_sd, named
from benchmarks.analysis.style import label
from benchmarks.training.variants import BASE

DIAL = "cutoff"
FOUND = ("precision", "recall")


def make(records: Records) -> pd.DataFrame:
    """A row a family, cut-off and model; below them a row a binary dataset and model, at the dataset's one cut-off."""
    rows, labels = [], []
    hidden: dict[str, None] = {}
    for name, family in varying(records, DIAL).items():
        runs, alerts = as_deployed(family.runs), as_deployed(family.alerts)
        for cutoff in sorted(set(runs[DIAL])):
            for model in models_in(records, runs):
                own = runs[(runs[DIAL] == cutoff) & (runs["model"] == model)]
                seen = alerts[(alerts[DIAL] == cutoff) & (alerts["model"] == model)]
                labels.append((name, f"{clock(family)} {cutoff:g}", label(model)))
                rows.append(_row(family.metric, own, seen))
                hidden |= dict.fromkeys([name] if _suppressed(seen) else [])
    runs, alerts = (frame[frame["variant"] == BASE] for frame in (records.runs, records.alerts))
    for dataset in [name for name in records.datasets if (alerts["dataset"] == name).any()]:
        for model in models_in(records, alerts[alerts["dataset"] == dataset]):
            own, seen = (of[(of["dataset"] == dataset) & (of["model"] == model)] for of in (runs, alerts))
            labels.append((dataset, DASH, label(model)))
            rows.append(_row(records.metric(dataset), own, seen))
            hidden |= dict.fromkeys([dataset] if _suppressed(seen) else [])
    columns = pd.MultiIndex.from_tuples(dict.fromkeys(column for row in rows for column in row)) if rows else None
    index = named(labels, ["Dataset", "Cut-off", "Model"])
    frame = pd.DataFrame(rows, index=index, columns=columns)
    frame.attrs = {
        "caption": "Warning at a cut-off: score on test, the share of "
        "tested students who are at risk, and, when staff can see a share of the students, those first whom the model "
        "takes for the most at risk: how many of these are (precision) and how many of those at risk are among them "
        "(recall). By chance, precision is the share at risk and recall the share seen. Days left: until the outcome "
        "shows, the median of those found. Mean over networks, splits and seeds. Of a family, with a cut-off, models "
        "have their default hyper-parameters, and where a split tests a later run of a course, it alone counts; of a "
        "dataset, without one here, they are tuned, and at risk is who has the predicted outcome of the main table.",
        "notes": [
            f"{name}: a dash among those seen is {HIDDEN} seen, at risk or found in a run; so is one of days left, "
            "where these are known."
            for name in hidden
        ],
    }
    return frame


def _suppressed(alerts: pd.DataFrame) -> bool:
    """Whether a cell is empty for its students are few: not where nobody knows the days left."""
    known = alerts["lead"].notna().any()
    return bool(alerts[[*FOUND]].isna().any(axis=None) or (known and pd.isna(days_left(alerts))))


def _row(metric: str, runs: pd.DataFrame, alerts: pd.DataFrame) -> dict[tuple[str, str], object]:
    row: dict[tuple[str, str], object] = {**mean_sd(METRICS[metric], runs[metric])}
    row["At risk", ""] = runs["prevalence"].mean(skipna=False)
    for share, found in alerts.groupby("share"):
        row |= {(f"{what.capitalize()} at {share:.0%}", ""): found[what].mean(skipna=False) for what in FOUND}
    days = days_left(alerts)
    return row | {("Days left", ""): DASH if pd.isna(days) else f"{days:.0f}", ("Runs", ""): len(runs)}
