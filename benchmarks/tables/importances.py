"""Importances: which hyper-parameters the validation score depends on, where enough trials tell.

Functional ANOVA (Hutter et al., 2014, https://proceedings.mlr.press/v32/hutter14.html) as Optuna has it. Studies are
put together again from the records; a number's range is the one that its trials drew, on a logarithmic scale where that
spans a decade or more.
"""

import json

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import framed
from benchmarks.analysis.style import label
from benchmarks.analysis.trials import of_row

ENOUGH = 20
"""Trials that succeeded, on each split, below which importances are mostly noise."""
DECADE = 10


def make(records: Records) -> pd.DataFrame:
    """A row a dataset, model or recipe, and knob, the most important first."""
    rows, labels = [], []
    for dataset in records.cards:
        here = records.trials[(records.trials["dataset"] == dataset) & (records.trials["state"] == "ok")]
        recipes = here.loc[here["kind"] == "recipe", "name"].unique()
        searches = [(model, "model", label(model)) for model in records.models]
        searches += [(recipe, "recipe", f"recipe {recipe}") for recipe in recipes]
        for name, kind, shown in searches:
            trials = of_row(records, dataset, name, kind)
            splits = [part[part["state"] == "ok"] for _, part in trials.groupby("split")]
            if not splits or min(map(len, splits)) < ENOUGH:
                continue
            found = pd.DataFrame([importances(part) for part in splits])
            for knob in found.mean().sort_values(ascending=False, kind="stable").index:
                labels.append((dataset, shown, str(knob)))
                mean, sd = found[knob].mean(), found[knob].std()
                rows.append({("Importance", "mean"): mean, ("Importance", "sd"): sd, ("Splits", ""): len(splits)})
    frame = framed(rows, labels, ["Dataset", "Model", "Knob"])
    frame.attrs = {
        "caption": "Share of the variance of the validation score, over the trials of a search, that a hyper-parameter "
        "explains alone or with others (functional ANOVA; mean ± standard deviation over splits).",
        "notes": [
            f"Only for searches in which at least {ENOUGH} trials succeeded on each split: fewer tell too little. "
            "Trials that were given up have no score and are left out, so a knob whose bad values end early shows less."
        ],
    }
    return frame


def importances(trials: pd.DataFrame) -> dict[str, float]:
    """Importance by knob of one search; nothing where all scores are the same, which no knob explains."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances  # loads scikit-learn

    if trials["value"].nunique() < 2:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    params = pd.DataFrame([json.loads(text) for text in trials["params"]])
    study = optuna.create_study(direction="maximize")
    space = {str(knob): _range(values) for knob, values in params.items()}
    for chosen, value in zip(trials["params"], trials["value"], strict=True):
        study.add_trial(optuna.trial.create_trial(params=json.loads(chosen), distributions=space, value=value))
    return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))


def _range(values: pd.Series) -> BaseDistribution:
    """The distribution that a knob's values were drawn from, as far as they tell."""
    if not pd.api.types.is_float_dtype(values):
        return CategoricalDistribution(values.unique().tolist())
    low, high = float(values.min()), float(values.max())
    return FloatDistribution(low, high, log=low > 0 and high >= DECADE * low)
