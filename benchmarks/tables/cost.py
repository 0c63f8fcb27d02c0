"""Cost: what each row of the main table costs, with and without its tuning."""

from math import nan

import pandas as pd

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import DASH
from benchmarks.analysis.style import label
from benchmarks.jobs.outcome import brief
from benchmarks.training.variants import BASE

CAPTION = (
    "What a row costs, on one split and seed, trained anew with its frozen hyper-parameters. Seconds: the search, with "
    "that of its recipe; the training, with the reading of all texts and the fine-tuning of its recipe, which rows of "
    "one recipe share but are each charged with; both; the prediction of 1,000 new students, texts read and all. "
    "Memory: the peak of the process that took the most. Parameters: of the row's own model, of its Transformer, and "
    "those of the latter's layers that its recipe fine-tunes; a dash where there is none. A "
    "search's seconds are those of the step that ran it, so they are right after a run that began with an empty cache. "
    "Score: mean over splits and seeds."
)


def make(records: Records) -> pd.DataFrame:
    """A row a dataset and model."""
    rows, labels, notes = [], [], []
    for cost in costs(records).to_dict("records"):
        labels.append((cost["dataset"], label(cost["model"])))
        rows.append(
            {
                METRICS[records.metric(cost["dataset"])]: cost["score"],
                "Tuning s": cost["search"],
                "Training s": cost["trained"],
                "Both s": cost["both"],
                "Prediction s": cost["predicted"],
                "Peak GB": cost["gigabytes"],
                "Parameters": _count(cost["parameters"]),
                "Transformer": _count(cost["recipe_parameters"]),
                "Fine-tuned": _count(cost["recipe_learned"] or nan),
            }
        )
        if cost["reason"]:
            notes.append(f"{label(cost['model'])} on {cost['dataset']}: {brief(cost['reason'])}")
    measured = records.timings.costs
    lost = measured[~measured["dataset"].isin(list(records.cards))].groupby("dataset")["reason"].first()
    notes += [f"{dataset}: {reason}" for dataset, reason in lost.items()]
    index = pd.MultiIndex.from_tuples(labels, names=["Dataset", "Model"]) if labels else pd.Index([], name="Dataset")
    frame = pd.DataFrame(rows, index=index)
    frame.attrs = {"caption": CAPTION, "notes": [records.timings.device(), *notes]}
    return frame


def costs(records: Records) -> pd.DataFrame:
    """Costs with the recipe's added, and the headline score on test students, by dataset that is there and model."""
    found = records.timings.costs
    found = found[found["dataset"].isin(list(records.cards))]
    recipe = found[[name for name in found if str(name).startswith("recipe_")]].fillna(0.0).astype(float)
    own = found[["tuning", "training", "inference", "peak_gigabytes", "parameters"]].astype(float)
    search, trained = own["tuning"] + recipe["recipe_tuning"], own["training"] + recipe["recipe_training"]
    return found.assign(
        search=search,
        trained=trained,
        both=search + trained,
        predicted=own["inference"] + recipe["recipe_inference"],
        gigabytes=own["peak_gigabytes"].combine(recipe["recipe_peak_gigabytes"], max),
        score=[_score(records, *row) for row in found[["dataset", "model"]].itertuples(index=False)],
        reason=found["reason"].astype(object).fillna(""),
    )


def _score(records: Records, dataset: str, model: str) -> float:
    runs = records.runs
    runs = runs[(runs["dataset"] == dataset) & (runs["model"] == model) & (runs["variant"] == BASE)]
    return float(runs[records.metric(dataset)].mean(skipna=False))


def _count(value: float) -> str:
    return DASH if pd.isna(value) else f"{value:,.0f}"
