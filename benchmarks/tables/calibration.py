"""Calibration: how far probabilities are from what happens."""

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import framed, mean_sd, row_label

SCORES = {"ece": "ECE", "brier": "Brier"}


def make(records: Records) -> pd.DataFrame:
    """A row a dataset and model; means over splits and seeds."""
    runs = records.calibration.drop_duplicates(["dataset", "model", "split", "seed"])
    rows, labels = [], []
    for dataset in records.datasets:
        for model in records.models:
            of = runs[(runs["dataset"] == dataset) & (runs["model"] == model)]
            if of.empty:
                continue
            labels.append(row_label(records, dataset, model, {}))
            row: dict[tuple[str, str], float | int] = {}
            for score, name in SCORES.items():
                row |= mean_sd(name, of[score])
            rows.append(row | {("Runs", ""): len(of)})
    frame = framed(rows, labels, ["Dataset", "Model"])
    frame.attrs = {
        "caption": "Calibration on test students, mean ± standard deviation over splits and seeds. ECE: expected "
        "calibration error, the mean distance of predicted and observed frequency over 15 bins of equal mass (of the "
        "decision being right where there are more than two classes); a small test set alone gives some. Brier: mean "
        "squared error of the probabilities, summed over the classes where there are more than two. Nothing is "
        "recalibrated.",
        "notes": [],
    }
    return frame
