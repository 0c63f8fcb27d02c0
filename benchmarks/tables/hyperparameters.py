"""Hyper-parameters: what tuning chose, knob by knob, beside the defaults."""

import json

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import DASH, named
from benchmarks.analysis.style import label
from benchmarks.analysis.trials import of_row, winners


def make(records: Records) -> pd.DataFrame:
    """A row a dataset, model or recipe, and knob."""
    rows, labels = [], []
    for dataset in records.cards:
        here = records.trials[records.trials["dataset"] == dataset]
        recipes = here.loc[here["kind"] == "recipe", "name"].unique()
        searches = [(model, "model", label(model)) for model in records.models]
        searches += [(recipe, "recipe", f"recipe {recipe}") for recipe in recipes]
        for name, kind, shown in searches:
            trials = of_row(records, dataset, name, kind)
            defaults = [json.loads(params) for params in trials.loc[trials["trial"] == 0, "params"]][:1]
            chosen = [json.loads(params) for params in winners(trials)["params"]]
            for knob in defaults[0] if defaults else []:
                labels.append((dataset, shown, knob))
                values = ", ".join(_short(params[knob]) for params in chosen)
                rows.append({"Default": _short(defaults[0][knob]), "Tuned": values or DASH})
    index = named(labels, ["Dataset", "Model", "Knob"])
    frame = pd.DataFrame(rows, index=index, columns=["Default", "Tuned"])
    frame.attrs = {
        "caption": "The hyper-parameters that tuning chose: the value of the best trial on each split, in the order of "
        "the splits' names, beside the default. Knobs that the config sets are not tuned and not listed.",
        "notes": [],
    }
    return frame


def _short(value: object) -> str:
    """Two significant digits of a fraction; all else as it is."""
    return f"{value:.2g}" if isinstance(value, float) else str(value)
