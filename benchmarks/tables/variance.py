"""Variance: how much of a score's spread is due to the split, to the seed, and to neither."""

import math

import pandas as pd

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import named, row_label
from benchmarks.analysis.stats import variance_shares
from benchmarks.training.variants import BASE


def make(records: Records) -> pd.DataFrame:
    """A row a dataset and model, where splits are folds and several seeds ran on each."""
    base = records.runs[records.runs["variant"] == BASE]
    rows, labels = [], []
    for dataset in [d for d in records.datasets if records.cards.get(d, {}).get("replication") == "folds"]:
        metric = records.metric(dataset)
        for model in records.models:
            runs = base[(base["dataset"] == dataset) & (base["model"] == model)]
            grid = runs.pivot_table(index="split", columns="seed", values=metric, dropna=False)
            if min(grid.shape) < 2 or len(runs) < grid.size:
                continue
            parts = variance_shares(grid.to_numpy(float))
            total = sum(parts.values())
            labels.append(row_label(records, dataset, model, {}))
            row: dict[str, object] = {"Score": METRICS[metric], "Deviation": math.sqrt(total)}
            row |= {name.capitalize(): part / total if total else math.nan for name, part in parts.items()}
            rows.append(row | {"Splits": len(grid), "Seeds": len(grid.columns)})
    index = named(labels, ["Dataset", "Model"])
    frame = pd.DataFrame(rows, index=index)
    frame.attrs = {
        "caption": "Standard deviation of one run's headline score on test, and the shares of its variance due to the "
        "split, to the seed, and to neither (random-effects analysis of variance, splits crossed with seeds; a "
        "negative component is zero). From a few splits and seeds such shares are rough.",
        "notes": [],
    }
    return frame
