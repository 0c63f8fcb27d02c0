"""Significance: each model's paired difference to BERT+GCN, its interval, and a verdict that may be "undecided"."""

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import framed, row_label
from benchmarks.analysis.stats import MARGIN
from benchmarks.analysis.style import label
from benchmarks.training.variants import BASE, CONTROLS, SUBJECT


def make(records: Records) -> pd.DataFrame:
    """A row a dataset (or group) and model, BERT+GCN's own against the strongest baseline, then the spoilt models."""
    compared = records.comparisons
    rows, labels = [], []
    for dataset in records.datasets:
        of = compared[compared["dataset"] == dataset]
        shown = [
            of[(of["question"] == "baseline") & (of["model"] == SUBJECT)],
            *(of[(of["question"] == "subject") & (of["model"] == model)] for model in records.models),
            of[(of["question"] == "base") & of["variant"].isin(CONTROLS)],
        ]
        for row in pd.concat(shown).sort_values("split", kind="stable").to_dict("records"):
            first, second = row_label(records, dataset, row["model"], {})
            first = f"{first}, {row['split']}" if row["split"] else first  # a group
            labels.append((first, second if row["variant"] == BASE else f"{second}, {row['variant']}"))
            rows.append(
                {
                    ("Less", ""): label(row["reference"]),
                    ("Difference", "value"): row["difference"],
                    ("Difference", "low"): row["low"],
                    ("Difference", "high"): row["high"],
                    ("Adjusted", "p"): row["p_adjusted"],
                    ("Verdict", ""): row["verdict"],
                    ("Floor", ""): row["floor"],
                    ("Against", ""): row["by"],
                }
            )
    frame = framed(rows, labels, ["Dataset", "Model"])
    frame.attrs = {
        "caption": "Difference of two rows' headline scores (accuracy where there are more than two classes, else "
        "ROC-AUC) on the same splits, seeds and test students, with its 95 % interval: each row less BERT+GCN, "
        "BERT+GCN less the baseline that is strongest on validation, and what a control has spoilt less the unspoilt "
        "model. Against: what a difference is compared with, the spread over folds (corrected resampled t, Nadeau & "
        "Bengio, 2003) or students and seeds drawn anew (percentile bootstrap), which claims nothing of other splits. "
        "p is adjusted by Holm over a dataset's comparisons of one kind, those that are not shown included. Verdict: "
        f"tied if the 90 % interval lies within ± {MARGIN}, else better or worse at an adjusted p below 5 %, else "
        "undecided. Floor: the smallest difference that one test set can see (half a 95 % interval, students alone).",
        "notes": [],
    }
    return frame
