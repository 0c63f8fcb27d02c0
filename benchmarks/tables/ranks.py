"""Ranks: where each model stands among those that five datasets and more share, and which ranks can be told apart."""

import pandas as pd
from scipy.stats import friedmanchisquare

from benchmarks.analysis.ranking import DATASETS, shared
from benchmarks.analysis.records import Records
from benchmarks.analysis.stats import average_ranks, critical_difference
from benchmarks.analysis.style import label


def make(records: Records) -> pd.DataFrame:
    """A row a model, the best rank first: its average rank, and its rank on each dataset."""
    standing = shared(records)
    if standing.empty:
        frame = pd.DataFrame(index=pd.Index([], name="Model"))
        frame.attrs = {"caption": f"Ranks: fewer than {DATASETS} datasets share two models.", "notes": []}
        return frame
    ranks = standing.rank(axis=1, ascending=False).T
    ranks.insert(0, "Average rank", average_ranks(standing.to_numpy()))
    ranks = ranks.sort_values("Average rank", kind="stable")
    datasets, models = standing.shape
    apart = critical_difference(models, datasets)
    frame = ranks.rename(index=label).rename_axis(index="Model")
    frame.attrs = {
        "caption": f"Ranks of {models} models on {datasets} datasets by mean headline score on test (1 is best; equals "
        f"share their ranks; entries of one source count once, by their mean ranks). {_friedman(standing)} Average "
        f"ranks that differ by {apart:.2f} and more are told apart (Nemenyi at 5 %).",
        "notes": [],
    }
    return frame


def _friedman(standing: pd.DataFrame) -> str:
    if len(standing.columns) < 3:
        return "Friedman's test needs three models."
    found = friedmanchisquare(*standing.to_numpy().T)
    p = "p < 0.001" if found.pvalue < 0.001 else f"p = {found.pvalue:.3f}"
    return f"Friedman's test: chi-squared {found.statistic:.2f}, {p}."
