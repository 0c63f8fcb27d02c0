"""Self-supervision: what it learned on held-out students, and what it does to the models whose recipe it changes."""

import pandas as pd

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import DASH, footnotes, framed, mean_sd, row_label
from benchmarks.analysis.style import ARMS, label
from benchmarks.training.variants import BASE

NONE = "No recipe was self-supervised."
CAPTION = (
    "Self-supervision on a dataset's own texts or interactions, without labels. Before and after: a measure on "
    "held-out validation students (mean ± standard deviation over splits), to be compared within a row only: the "
    "exponential of the cross-entropy of tokens, for encoders under fixed masks (not the pseudo-perplexity that masks "
    "one token at a time), or, for interactions, the contrastive loss in nats. With it: the score on test students of "
    "the model with the self-supervised recipe; difference: from the same model without it, paired on splits and seeds "
    "(mean ± standard deviation over both)."
)
HEAD = (
    "Checkpoints without a head for tokens get a new one, which learns alone before it is measured the first time and "
    "goes on learning: of the difference between before and after a part is the head's."
)


def make(records: Records) -> pd.DataFrame:
    """A row a dataset, recipe with self-supervision, and model that was run with it and without."""
    marks, notes = footnotes(records)
    rows, labels = [], []
    for dataset in records.cards:
        measured = records.pretraining[records.pretraining["dataset"] == dataset]
        uses = records.uses[records.uses["dataset"] == dataset]
        for recipe in dict.fromkeys([*measured["recipe"], *uses["recipe"]]):
            ends = measured[measured["recipe"] == recipe]
            used = [
                (model, variant)
                for model in records.models
                for variant in uses.loc[(uses["recipe"] == recipe) & (uses["model"] == model), "variant"]
            ]
            for model, variant in used or [(DASH, "")]:
                mark = marks.get((dataset, model, variant), marks.get((dataset, model), ""))
                first = row_label(records, dataset, model, {})[0]
                labels.append((first, recipe, f"{label(model)} {mark}".strip()))
                rows.append(_learned(ends) | _gained(records, dataset, model, variant))
    frame = framed(rows, labels, ["Dataset", "Recipe", "Model"])
    told = [note for note in notes if any(note.split()[0] in label[2] for label in labels)]
    by_measure = records.pretraining.groupby("measure", sort=False)["recipe"].unique()
    told += [f"Measured of {', '.join(recipes)}: {measure}." for measure, recipes in by_measure.items()]
    frame.attrs = {
        "caption": CAPTION,
        "notes": [*([HEAD] if records.pretraining["new_head"].any() else []), *told] if rows else [NONE],
    }
    return frame


def _learned(ends: pd.DataFrame) -> dict[tuple[str, str], object]:
    """What a recipe learned from, and its measure before and after; dashes where every pretraining failed."""
    return {
        ("Learns from", ""): ", ".join(ARMS[arm] for arm in ends["arm"].unique()) or DASH,
        **mean_sd("Before", ends["before"]),
        **mean_sd("After", ends["after"]),
        ("Splits", ""): len(ends),
    }


def _gained(records: Records, dataset: str, model: str, variant: str) -> dict[tuple[str, str], object]:
    """Score of a model's variant, and its paired difference from the unchanged model."""
    metric = records.metric(dataset)
    pairs = records.paired(dataset, model, variant)
    return {
        ("Score", ""): METRICS[metric] if variant else DASH,
        **mean_sd("With it", pairs[variant]),
        **mean_sd("Difference", pairs[variant] - pairs[BASE]),
        ("Runs", ""): len(pairs),
    }
