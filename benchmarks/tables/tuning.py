"""Tuning: what each row's search cost, and what it gained over the defaults on validation."""

import pandas as pd

from benchmarks.analysis.records import METRICS, Records
from benchmarks.analysis.rows import DASH, footnotes, framed, row_label
from benchmarks.analysis.trials import budget, charged, default, of_row, winners
from benchmarks.training.variants import BASE

STATES = {"OK": "ok", "Pruned": "pruned", "Failed": "failed"}
CAPTION = (
    "What tuning cost and what it gained. Trials a split: the row's own, those of its recipe, which are charged to it, "
    "and both together; OK, pruned (given up on the way as hopeless), failed: own trials over all splits. Default and "
    "tuned: validation score of trial 0, which is the defaults, and of the best trial, on the selection seeds; gain: "
    "tuned less default (mean ± standard deviation over splits). A text row's default already stands on its tuned "
    "recipe; recipes have rows of their own. Winner: the best trial of each split, where 0 is the defaults. Test: the "
    "tuned model on test students with the reporting seeds. Test less tuned is no pure generalization gap: the tuned "
    "score is the highest of all trials and epochs, on other students and other seeds. Means over splits."
)


def make(records: Records) -> pd.DataFrame:
    """A row a dataset and model that is tuned, then a row a recipe."""
    marks, notes = footnotes(records)
    tuned = set(records.trials.loc[records.trials["kind"] == "model", "name"])
    rows, labels = [], []
    for dataset in records.cards:
        for model in [m for m in records.models if m in tuned]:
            trials = of_row(records, dataset, model)
            if len(trials) or (dataset, model) in marks:
                labels.append(row_label(records, dataset, model, marks))
                test = _test(records, dataset, model)
                rows.append(_row(records, dataset, trials, charged(records, dataset, model), test))
        here = records.trials[(records.trials["dataset"] == dataset) & (records.trials["kind"] == "recipe")]
        for recipe in here["name"].unique():
            labels.append((row_label(records, dataset, "", {})[0], f"recipe {recipe}"))
            rows.append(_row(records, dataset, of_row(records, dataset, recipe, "recipe"), 0, pd.Series(dtype=float)))
    frame = framed(rows, labels, ["Dataset", "Model"])
    shown = {label[1].split()[-1] for label in labels}
    short = [f"{', '.join('/'.join(cell) for cell in c.cells)}: {c.reason}. Again: {c.retry}" for c in records.short()]
    frame.attrs = {"caption": CAPTION, "notes": [note for note in notes if note.split()[0] in shown] + short}
    return frame


def _row(
    records: Records, dataset: str, trials: pd.DataFrame, recipe: int, test: pd.Series
) -> dict[tuple[str, str], object]:
    """Budget and scores of one search; `test` by split."""
    own, first, best = budget(trials), default(trials), winners(trials)
    tuned = best["value"].astype(float)
    gain = tuned - first
    return {
        ("Own", ""): own,
        ("Recipe's", ""): recipe,
        ("Both", ""): own + recipe,
        **{(name, ""): int((trials["state"] == state).sum()) for name, state in STATES.items()},
        ("Score", ""): METRICS[records.metric(dataset)],
        ("Default", ""): first.mean(),
        ("Tuned", ""): tuned.mean(),
        ("Gain", "mean"): gain.mean(),
        ("Gain", "sd"): gain.std(),
        ("Winner", ""): ", ".join(map(str, best["trial"])) or DASH,
        ("Test", ""): test.mean(skipna=False),
        ("Test less tuned", ""): (test - tuned.reindex(test.index)).mean(skipna=False),
    }


def _test(records: Records, dataset: str, model: str) -> pd.Series:
    """Headline score of the tuned model on test students by split, the mean over seeds."""
    runs = records.runs
    runs = runs[(runs["dataset"] == dataset) & (runs["model"] == model) & (runs["variant"] == BASE)]
    return runs.groupby("split")[records.metric(dataset)].mean(skipna=False).astype(float)
