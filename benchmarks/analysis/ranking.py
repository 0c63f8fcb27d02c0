"""Ranks of tuned models over datasets, which need five that share the models (Demsar, 2006)."""

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.training.variants import BASE

DATASETS = 5


def shared(records: Records) -> pd.DataFrame:
    """Mean headline scores [datasets, models] without a hole, as many models as five datasets share; empty if not two.

    Models that ran on the fewest datasets are left out one by one.
    """
    tuned = set(records.trials.loc[records.trials["kind"] == "model", "name"])
    base = records.runs[(records.runs["variant"] == BASE) & records.runs["model"].isin(tuned)]
    means = {
        dataset: base[base["dataset"] == dataset].groupby("model")[records.metric(dataset)].mean()
        for dataset in records.cards
    }
    table = pd.DataFrame(means, dtype=float).T.reindex(columns=[m for m in records.models if m in tuned])
    table = table.loc[:, table.count() >= DATASETS]
    while len(table.columns) > 1 and len(table.dropna()) < DATASETS:
        table = table.drop(columns=table.count().idxmin())
    return table.dropna() if len(table.columns) > 1 else pd.DataFrame()
