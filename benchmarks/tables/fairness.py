"""Fairness: how differently each model serves the groups of a protected attribute."""

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import framed, row_label

NAMES = {"recall": "Recall gap", "calibration": "Calibration gap", "abroca": "ABROCA"}


def make(records: Records) -> pd.DataFrame:
    """A row a dataset, attribute and model that has at least two groups large enough."""
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
                labels.append((f"{first}, {attribute}", second))
                row: dict[tuple[str, str], float | str] = {("Groups", ""): int(found["groups"].iloc[0])}
                for measure, name in NAMES.items():
                    row |= {(name, part): found.loc[measure, part] for part in ("value", "low", "high")}
                    row |= {(f"{name} by chance", ""): found.loc[measure, "chance"]}
                rows.append(row)
    frame = framed(rows, labels, ["Dataset", "Model"])
    frame.attrs = {
        "caption": "Group fairness on test students, mean over seeds, with 95 % intervals (students resampled). Gaps "
        "are between the two groups that are furthest apart. Recall: the share found of those who are to be found (of "
        "all students where there are more than two classes). Calibration: mean predicted less observed frequency. "
        "ABROCA: the area between two groups' ROC curves, one class against the rest. None can be negative; by chance: "
        "95 % of the gaps are below this when groups are dealt out anew, so a smaller gap shows nothing. Groups of "
        f"fewer than {SMALLEST} test students, or {FEWEST} to be found, are left out.",
        "notes": [
            f"{dataset}, {attribute}: suppressed, fewer than two groups are large enough."
            for dataset, attribute in small
        ],
    }
    return frame
