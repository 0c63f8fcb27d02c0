"""Per-class report: precision, recall, F1 and support of each class, with micro, macro and weighted means."""

import pandas as pd

from benchmarks.analysis.people import HIDDEN
from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import named, row_label
from benchmarks.training.variants import BASE

SCORES = {"precision": "Precision", "recall": "Recall", "f1": "F1", "f1_chosen": "F1, threshold", "support": "Support"}


def make(records: Records) -> pd.DataFrame:
    """A row a dataset, model and class; means over splits and seeds."""
    base = records.classes[records.classes["variant"] == BASE]
    rows, labels = [], []
    hidden: dict[str, bool] = {}
    for dataset in records.datasets:
        for model in records.models:
            runs = base[(base["dataset"] == dataset) & (base["model"] == model)]
            for name in runs["class"].unique():
                of = runs[runs["class"] == name]
                labels.append((*row_label(records, dataset, model, {}), name))
                rows.append({SCORES[s]: of[s].mean(skipna=False) for s in SCORES})
                hidden[dataset] = hidden.get(dataset, False) or of["support"].isna().any(axis=None)
    index = named(labels, ["Dataset", "Model", "Class"])
    frame = pd.DataFrame(rows, index=index, columns=list(SCORES.values()))
    frame.attrs = {
        "caption": "Precision, recall, F1 and support (test students) of each class, means over splits and seeds; "
        "below them the micro, macro and support-weighted means. F1, threshold: at the threshold of best macro-F1 on "
        "validation, where two classes are told apart.",
        "notes": [
            f"{dataset}: dashes are {HIDDEN} of a class in a run, or a number that would tell it."
            for dataset, found in hidden.items()
            if found
        ],  # the main table says what is missing and why
    }
    return frame
