"""Heads: how far a fine-tuned Transformer's head can be trusted on students whom it has learned from."""

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import framed, mean_sd, row_label

CAPTION = (
    "What the head of a fine-tuned Transformer says of training students (of whom it has learned from as many as its "
    "recipe allows), of the same by fits without them (out of fold), and of validation students, which chose the "
    "epoch; mean ± standard deviation over splits and seeds. Confidence: the mean probability that it gives its "
    "decision; overconfidence: that, less how often it is right. A graph model that reads training students as they "
    "are learns to trust what it will not find elsewhere."
)


def make(records: Records) -> pd.DataFrame:
    """A row a dataset, fine-tuned recipe and kind of students."""
    rows, labels = [], []
    for dataset in records.cards:
        of = records.heads[records.heads["dataset"] == dataset]
        for (recipe, students), found in of.groupby(["recipe", "students"], sort=False):
            labels.append((row_label(records, dataset, "", {})[0], recipe, students))
            measures = {
                "Accuracy": found["accuracy"],
                "Confidence": found["confidence"],
                "Overconfidence": found["confidence"] - found["accuracy"],
                "Log-loss": found["loss"],
            }
            row: dict[tuple[str, str], float | int] = {}
            for name, each in measures.items():
                row |= mean_sd(name, each)
            rows.append(row | {("Runs", ""): len(found)})
    frame = framed(rows, labels, ["Dataset", "Recipe", "Students"])
    frame.attrs = {"caption": CAPTION, "notes": [] if rows else ["No recipe was fine-tuned."]}
    return frame
