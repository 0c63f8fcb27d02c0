"""Main table: every model and control on every dataset, mean ± standard deviation over splits and seeds on test."""

import math

import pandas as pd

from benchmarks.records import METRICS, Records
from benchmarks.style import label
from benchmarks.table import footnotes, row_label
from benchmarks.variants import BASE, CONTROLS


def make(records: Records) -> pd.DataFrame:
    """A row a dataset and model, in the order of the config, then the models that a control has spoilt."""
    marks, notes = footnotes(records)
    rows, labels = [], []
    of = ["dataset", "model", "variant"]
    asked_for = {tuple(cell) for frame in (records.outcomes, records.runs) for cell in frame[of].to_numpy().tolist()}
    for dataset in records.datasets:
        cells = [(model, variant) for variant in (BASE, *CONTROLS) for model in records.models]
        for model, variant in [cell for cell in cells if (dataset, *cell) in asked_for]:
            runs = records.runs[(records.runs[of] == [dataset, model, variant]).all(axis=1)]
            first, second = row_label(records, dataset, model, marks)
            if variant != BASE:
                second = f"{label(model)}, {variant} {marks.get((dataset, model, variant), '')}".strip()
            labels.append((first, second))
            row: dict[tuple[str, str], float | int] = {}
            for metric, name in METRICS.items():
                row |= {(name, "mean"): runs[metric].mean(), (name, "sd"): runs[metric].std()}
            row |= {("Prevalence", ""): runs["prevalence"].mean(), ("Runs", ""): len(runs)}
            rows.append(row)
    frame = pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(labels, names=["Dataset", "Model"]))
    frame = frame.astype({("Runs", ""): int})
    asked = "; ".join(f"{d}: {records.cards[d]['target']} ({_size(records, d)})" for d in records.cards)
    frame.attrs = {
        "caption": "Scores on test students, mean ± standard deviation over splits and seeds. ROC-AUC and PR-AUC are "
        "one-vs-rest means where there are more than two classes; prevalence is the PR-AUC of a model that knows "
        f"nothing. Predicted is, for {asked}."
        if asked
        else "No dataset is available.",
        "notes": notes,
    }
    return frame


def _size(records: Records, dataset: str) -> str:
    of = records.runs[records.runs["dataset"] == dataset]
    tested = sorted(set(of["students"]))
    if not tested or any(math.isnan(n) for n in tested):
        return "no run"
    span = str(tested[0]) if len(tested) == 1 else f"{tested[0]} to {tested[-1]}"
    splits = of["split"].nunique()
    return f"{span} test students a split, {splits} split{'s' * (splits > 1)}"
