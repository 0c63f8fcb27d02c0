"""Ablations: what each change does to a model with its tuned hyper-parameters, paired on splits and seeds."""

import pandas as pd

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import DASH, footnotes, framed, mean_sd, row_label
from benchmarks.analysis.style import label_of_change
from benchmarks.training.variants import BASE, CONTROLS


def make(records: Records) -> pd.DataFrame:
    """A row a dataset, model and variant: its score, and the difference from the unchanged model."""
    marks, notes = footnotes(records)
    rows, labels = [], []
    for dataset in records.cards:
        metric = records.metric(dataset)
        for model in records.models:
            runs = _of(records.runs, dataset, model)
            variants = [*runs["variant"].unique(), *_of(records.outcomes, dataset, model)["variant"]]
            compared = _of(records.comparisons, dataset, model)
            compared = compared[compared["question"] == "base"]
            named = _of(records.references, dataset, model)
            against = dict(zip(named["variant"], named["reference"], strict=True))
            for variant in [v for v in dict.fromkeys(variants) if v not in (BASE, *CONTROLS)]:
                reference = against.get(variant, BASE)
                both, seen = (
                    records.paired(dataset, model, variant, reference, score) for score in (metric, "validation")
                )
                label = label_of_change(variant)
                label += "" if reference == BASE else f" (against {label_of_change(reference)})"
                mark = marks.get((dataset, model, variant), "")
                labels.append((*row_label(records, dataset, model, {}), f"{label} {mark}".strip()))
                rows.append(
                    {
                        ("Score", ""): METRICS[metric],
                        **mean_sd("With it", runs.loc[runs["variant"] == variant, metric].astype(float)),
                        **mean_sd("Difference", both[variant] - both[reference]),
                        **mean_sd("On validation", seen[variant] - seen[reference]),
                        ("Runs", ""): len(both),
                        ("Verdict", ""): _verdict(compared, variant),
                    }
                )
    frame = framed(rows, labels, ["Dataset", "Model", "Change"])
    frame.attrs = {
        "caption": "What a change does to a model at its tuned hyper-parameters: score with the change, and difference"
        " from the unchanged model, or from the change that is named, on the same splits and seeds (mean ± standard "
        "deviation), that on validation students after it, which have chosen the unchanged model's hyper-parameters. "
        "Verdict: as in the table of significance, on the changes to all models of a dataset; where groups are "
        "tested apart, how many are which (records/*/comparisons.parquet names them).",
        "notes": [note for note in notes if any(note.split()[0] in label[2] for label in labels)],
    }
    return frame


def _verdict(compared: pd.DataFrame, variant: str) -> str:
    """On a change; where groups stand alone, in how many of them it is which."""
    found = compared.loc[compared["variant"] == variant, "verdict"].value_counts(sort=False)
    if found.sum() <= 1:
        return found.index[0] if len(found) else DASH
    return ", ".join(f"{count} {verdict}" for verdict, count in found.items())


def _of(frame: pd.DataFrame, dataset: str, model: str) -> pd.DataFrame:
    return frame[(frame["dataset"] == dataset) & (frame["model"] == model)]
