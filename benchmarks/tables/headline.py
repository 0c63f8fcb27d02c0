"""Headline: one score a dataset, a column a model, for readers who want one table."""

import pandas as pd

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import mean_sd, row_label
from benchmarks.analysis.style import label
from benchmarks.training.variants import BASE


def make(records: Records) -> pd.DataFrame:
    """A row a dataset that is available; a column a control or model that is asked for on each of them."""
    base = records.runs[records.runs["variant"] == BASE]
    everywhere = records.outcomes.groupby("model")["dataset"].agg(set)
    models = [m for m in records.models if everywhere.get(m, set()) >= set(records.datasets)]
    rows, labels = [], []
    for dataset in [d for d in records.datasets if d in records.cards]:
        metric = records.metric(dataset)
        row: dict[tuple[str, str], float | str] = {("Score", ""): METRICS[metric]}
        for model in models:
            scores = base.loc[(base["dataset"] == dataset) & (base["model"] == model), metric]
            row |= mean_sd(label(model), scores)
        rows.append(row)
        labels.append(row_label(records, dataset, "", {})[0])
    columns = pd.MultiIndex.from_tuples(rows[0]) if rows else None
    frame = pd.DataFrame(rows, index=pd.Index(labels, name="Dataset"), columns=columns)
    frame.attrs = {
        "caption": "Headline score on test students, mean ± standard deviation over splits and seeds: ROC-AUC where "
        "two classes are told apart, accuracy where there are more. A dash: the model does not apply, or has no run.",
        "notes": [],
    }
    return frame
