"""Efficiency: how much of what text and graph together can add does a model win?

(accuracy - best single-source oracle) / (joint oracle - best single-source oracle), on synthetic networks, whose Bayes
optimum is known: 1 is the optimum, 0 what the better source alone could give, below 0 less than that.
"""

import itertools

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import framed, mean_sd, row_label
from benchmarks.analysis.style import label
from benchmarks.training.variants import BASE, TOLD

JOINT, SINGLE = "oracle", ("oracle-text", "oracle-graph")
READINGS = (BASE, "states of texts", "head's logits of texts", TOLD)
"""How a model comes by what texts say: variants by their names in the config."""


def make(records: Records) -> pd.DataFrame:
    """A row a synthetic network and model."""
    rows, labels = [], []
    for dataset in records.datasets:
        runs = records.runs[records.runs["dataset"] == dataset]
        table = {of: own.set_index(["split", "seed"]).sort_index() for of, own in runs.groupby(["variant", "model"])}
        if not {(BASE, model) for model in (JOINT, *SINGLE)} <= set(table):
            continue
        means = {model: table[BASE, model]["accuracy"].mean(skipna=False) for model in (JOINT, *SINGLE)}
        source = max(SINGLE, key=means.__getitem__)
        best, room = table[BASE, source]["accuracy"], means[JOINT] - means[source]
        for model, variant in itertools.product(records.models, READINGS):
            if (variant, model) not in table:
                continue
            own = table[variant, model]
            won = (own["accuracy"] - best.reindex(own.index)) / room
            first, second = row_label(records, dataset, model, {})
            labels.append((first, second if variant == BASE else f"{second}, {variant}"))
            rows.append(
                {
                    **mean_sd("Accuracy", own["accuracy"]),
                    **mean_sd("Efficiency", won),
                    **mean_sd("ROC-AUC", own["roc_auc"]),
                    ("Best single source", ""): label(source),
                    ("Runs", ""): len(own),
                }
            )
    frame = framed(rows, labels, ["Dataset", "Model"])
    frame.attrs = {
        "caption": "Share of what text and graph together can add that a model wins, on networks whose Bayes optimum "
        "is known: (accuracy - best single-source oracle) / (joint oracle - best single-source oracle), mean ± "
        "standard deviation over splits and seeds. The denominator is the mean over all runs, so that those of the "
        "joint oracle lie around 1. Accuracy is that of decisions at one half: a low one beside a high ROC-AUC is a "
        "threshold that is off.",
        "notes": [],
    }
    return frame
