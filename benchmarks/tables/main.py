"""Main table: every model and control on every dataset, mean ± standard deviation over splits and seeds on test."""

import math

import pandas as pd

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import BEST, TIED, footnotes, mean_sd, row_label
from benchmarks.analysis.style import label
from benchmarks.training.variants import BASE, CONTROLS


def make(records: Records) -> pd.DataFrame:
    """A row a dataset and model, in the order of the config, then the models that a control has spoilt."""
    marks, notes = footnotes(records)
    rows, labels = [], []
    bold: dict[str, list[str]] = {name: [] for name in METRICS.values()}
    of = ["dataset", "model", "variant"]
    asked_for = {tuple(cell) for frame in (records.outcomes, records.runs) for cell in frame[of].to_numpy().tolist()}
    for dataset in records.datasets:
        told = _marks(records, dataset)
        cells = [(model, variant) for variant in (BASE, *CONTROLS) for model in records.models]
        for model, variant in [cell for cell in cells if (dataset, *cell) in asked_for]:
            runs = records.runs[(records.runs[of] == [dataset, model, variant]).all(axis=1)]
            first, second = row_label(records, dataset, model, marks)
            if variant != BASE:
                second = f"{label(model)}, {variant} {marks.get((dataset, model, variant), '')}".strip()
            labels.append((first, second))
            row: dict[tuple[str, str], float | int] = {}
            for metric, name in METRICS.items():
                row |= mean_sd(name, runs[metric])
            row |= {("Prevalence", ""): runs["prevalence"].mean(skipna=False), ("Runs", ""): len(runs)}
            rows.append(row)
            for metric, name in METRICS.items():
                bold[name].append(told.get((model, variant, metric), ""))
    frame = pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(labels, names=["Dataset", "Model"]))
    frame = frame.astype({("Runs", ""): int})
    asked = "; ".join(f"{d}: {records.cards[d]['target']} ({_size(records, d)})" for d in records.cards)
    frame.attrs = {
        "caption": "Scores on test students, mean ± standard deviation over splits and seeds. ROC-AUC and PR-AUC are "
        "one-vs-rest means where there are more than two classes; macro-F1, threshold: at that which is best on "
        "validation, where two classes are told apart; prevalence is the PR-AUC of a model that knows "
        "nothing. A dash: the model does not apply, or has no run; a footnote says why. Bold: the tuned model that is "
        "best on test by the score that a dataset is judged by (accuracy where there are more "
        "than two classes, else ROC-AUC); underlined: those that are not significantly worse in the mean, or, where "
        "groups are tested apart, in any of them (paired, Holm at 5 % over a dataset's comparisons with the best; "
        "records/*/comparisons.parquet has each). Resolution floor: the smallest difference that one test set can see, "
        "half of the paired difference's 95 % interval if students alone were drawn anew, median over the comparisons "
        f"with the best. Predicted is, for {asked}."
        if asked
        else "No dataset is available.",
        "notes": notes,
        "marks": bold,
    }
    return frame


def _best(records: Records, dataset: str) -> pd.DataFrame:
    """Comparisons of a dataset's tuned models with the best of them."""
    compared = records.comparisons
    return compared[(compared["dataset"] == dataset) & (compared["question"] == "best")]


def _marks(records: Records, dataset: str) -> dict[tuple[str, str, str], str]:
    """Which models, by variant and metric, are the best, or in no group worse than it, as far as can be told."""
    found: dict[tuple[str, str, str], str] = {}
    for row in _best(records, dataset).to_dict("records"):
        cell, reference = ((row[who], BASE, row["metric"]) for who in ("model", "reference"))
        worse = row["verdict"] == "worse" or math.isnan(row["difference"]) or found.get(cell) == ""
        found |= {cell: "" if worse else TIED, reference: BEST}
    return found


def _size(records: Records, dataset: str) -> str:
    of = records.runs[records.runs["dataset"] == dataset]
    tested = sorted(set(of["students"]))
    if not tested or any(math.isnan(n) for n in tested):
        return "no run"
    span = str(tested[0]) if len(tested) == 1 else f"{tested[0]} to {tested[-1]}"
    splits = of["split"].nunique()
    each = f"{span} test students a split, {splits} split{'s' * (splits > 1)}"
    floor = _best(records, dataset)["floor"].median()
    return each if math.isnan(floor) else f"{each}, resolution floor {floor:.3f}"
