"""Ranks of tuned models over datasets, which need five that share the models (Demsar, 2006).

Entries of one source (cut-offs, tasks, schools) are no datasets of their own: together they count as one.
"""

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.training.variants import BASE

DATASETS = 5


def shared(records: Records) -> pd.DataFrame:
    """Standing [datasets, models], the best highest, without a hole: as many models as five datasets share.

    Of a dataset with several entries it is the mean of the models' ranks by headline score, else these ranks, both
    negative. Models that ran on the fewest entries are left out one by one; empty if not two stay.
    """
    tuned = set(records.trials.loc[records.trials["kind"] == "model", "name"])
    base = records.runs[(records.runs["variant"] == BASE) & records.runs["model"].isin(tuned)]
    means = {
        dataset: base[base["dataset"] == dataset].groupby("model")[records.metric(dataset)].mean(skipna=False)
        for dataset in records.cards
    }
    source = pd.Series({dataset: card.get("source", dataset) for dataset, card in records.cards.items()}, dtype=object)
    table = pd.DataFrame(means, dtype=float).T.reindex(columns=[m for m in records.models if m in tuned])
    table = table.loc[:, table.notna().groupby(source, sort=False).any().sum() >= DATASETS]
    while len(table.columns) > 1 and source[table.dropna().index].nunique() < DATASETS:
        table = table.drop(columns=table.count().idxmin())
    if len(table.columns) < 2:
        return pd.DataFrame()
    ranks = -table.dropna().rank(axis=1, ascending=False)
    entries = source[ranks.index].value_counts()
    names = [f"{source[one]}, {count} entries" if (count := entries[source[one]]) > 1 else one for one in ranks.index]
    return ranks.groupby(names, sort=False).mean()
