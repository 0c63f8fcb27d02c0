"""Main table: every model on every dataset, mean ± standard deviation over splits and seeds on test students."""

import math

import pandas as pd

from benchmarks.records import METRICS, Records
from benchmarks.table import footnotes, row_label
from benchmarks.variants import BASE


def make(records: Records) -> pd.DataFrame:
    """A row a dataset and model, in the order of the config."""
    marks, notes = footnotes(records)
    base = records.runs[records.runs["variant"] == BASE]
    rows, labels = [], []
    for dataset in records.datasets:
        for model in records.models:
            if not ((records.outcomes["dataset"] == dataset) & (records.outcomes["model"] == model)).any():
                continue  # not asked for on this dataset
            runs = base[(base["dataset"] == dataset) & (base["model"] == model)]
            labels.append(row_label(records, dataset, model, marks))
            row: dict[tuple[str, str], float | int] = {}
            for metric, name in METRICS.items():
                row |= {(name, "mean"): runs[metric].mean(), (name, "sd"): runs[metric].std()}
            row |= {("Prevalence", ""): runs["prevalence"].mean(), ("Runs", ""): len(runs)}
            rows.append(row)
    frame = pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(labels, names=["Dataset", "Model"]))
    frame = frame.astype({("Runs", ""): int})
    asked = "; ".join(f"{d}: {records.cards[d]['target']} ({_size(records, d)})" for d in records.cards)
    frame.attrs = {
        "caption": "Scores on test students, mean ± standard deviation over splits and seeds. ROC-AUC and PR-AUC are "
        "one-vs-rest means where there are more than two classes; prevalence is the PR-AUC of a model that knows "
        f"nothing. Predicted is, for {asked}."
        if asked
        else "No dataset is available.",
        "notes": notes,
    }
    return frame


def _size(records: Records, dataset: str) -> str:
    of = records.runs[records.runs["dataset"] == dataset]
    tested = sorted(set(of["students"]))
    if not tested or any(math.isnan(n) for n in tested):
        return "no run"
    span = str(tested[0]) if len(tested) == 1 else f"{tested[0]} to {tested[-1]}"
    splits = of["split"].nunique()
    return f"{span} test students a split, {splits} split{'s' * (splits > 1)}"
