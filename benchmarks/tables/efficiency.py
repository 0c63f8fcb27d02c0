"""Efficiency: how much of what text and graph together can add does a model win?

(accuracy - best single-source oracle) / (joint oracle - best single-source oracle), on synthetic networks, whose Bayes
optimum is known: 1 is the optimum, 0 what the better source alone could give, below 0 less than that.
"""

import pandas as pd

from benchmarks.records import Records
from benchmarks.style import label
from benchmarks.table import row_label
from benchmarks.variants import BASE

JOINT, SINGLE = "oracle", ("oracle-text", "oracle-graph")


def make(records: Records) -> pd.DataFrame:
    """A row a synthetic network and model."""
    base = records.runs[records.runs["variant"] == BASE]
    rows, labels = [], []
    for dataset in records.datasets:
        table = base[base["dataset"] == dataset].pivot_table(
            index=["split", "seed"], columns="model", values="accuracy"
        )
        if not {JOINT, *SINGLE} <= set(table.columns):
            continue
        best = max(SINGLE, key=lambda model: table[model].mean())
        room = table[JOINT].mean() - table[best].mean()
        for model in [m for m in records.models if m in table.columns]:
            won = (table[model] - table[best]) / room
            labels.append(row_label(records, dataset, model, {}))
            rows.append(
                {
                    ("Accuracy", "mean"): table[model].mean(),
                    ("Accuracy", "sd"): table[model].std(),
                    ("Efficiency", "mean"): won.mean(),
                    ("Efficiency", "sd"): won.std(),
                    ("Best single source", ""): label(best),
                }
            )
    columns = pd.MultiIndex.from_tuples(rows[0]) if rows else None
    index = pd.MultiIndex.from_tuples(labels, names=["Dataset", "Model"]) if labels else None
    frame = pd.DataFrame(rows, index=index, columns=columns)
    frame.attrs = {
        "caption": "Share of what text and graph together can add that a model wins, on networks whose Bayes optimum "
        "is known: (accuracy - best single-source oracle) / (joint oracle - best single-source oracle), mean ± "
        "standard deviation over splits and seeds.",
        "notes": [],
    }
    return frame
