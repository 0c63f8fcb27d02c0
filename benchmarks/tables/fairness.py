"""Fairness: how differently each model serves the groups of a protected attribute."""

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import DASH, framed, row_label

NAMES = {"recall": "recall", "calibration": "calibration", "abroca": "ABROCA"}


def make(records: Records) -> pd.DataFrame:
    """A row a dataset, attribute, model and gap, where at least two groups are large enough."""
    from benchmarks.analysis.fairness import FEWEST, SMALLEST  # loads scikit-learn, which no other table needs

    fairness = records.fairness
    rows, labels = [], []
    small: dict[tuple[str, str], None] = {}  # in order
    for dataset in records.datasets:
        of = fairness[fairness["dataset"] == dataset]
        for attribute in of["attribute"].unique():
            for model in records.models:
                found = of[(of["attribute"] == attribute) & (of["model"] == model)].set_index("measure")
                if found.empty:
                    continue
                if found["groups"].iloc[0] < 2:
                    small[dataset, attribute] = None
                    continue
                first, second = row_label(records, dataset, model, {})
                for measure, name in NAMES.items():
                    gap = found.loc[measure]
                    labels.append((f"{first}, {attribute}: {gap['names']}", second, name))
                    row = {("Gap", part): gap[part] for part in ("value", "low", "high")}
                    row |= {("By chance", ""): gap["chance"], ("Worse off", ""): gap["worse"] or DASH}
                    rows.append(row | {("Verdict", ""): gap["verdict"] or DASH})
    frame = framed(rows, labels, ["Dataset, attribute: groups (test students)", "Model", "Gap in"])
    frame.attrs = {
        "caption": "Group fairness on test students, mean over seeds, with 95 % intervals (students resampled). Gaps "
        "are between the two groups that are furthest apart. Recall: the share found of those who are to be found (of "
        "all students where there are more than two classes). Calibration: mean predicted less observed frequency. "
        "ABROCA: the area between two groups' ROC curves, one class against the rest, in each split and then averaged "
        "over the splits where every group has enough students. None can be negative; by chance: 95 % of the gaps are "
        "below this when groups are dealt out anew among students of equal labels (of calibration: when each group "
        "varies around its own value). Verdict: whether the gap is beyond that, each gap for itself, so "
        "one of twenty is where nothing is. Worse off: the group of lower recall, of probabilities further from what "
        "is observed, or of the lower ROC curve; within chance it says nothing. Groups of fewer than "
        f"{SMALLEST} test students, or {FEWEST} to be found, are left out; a curve needs {FEWEST} of either class.",
        "notes": [
            f"{dataset}, {attribute}: suppressed, fewer than two groups are large enough."
            for dataset, attribute in small
        ],
    }
    return frame
