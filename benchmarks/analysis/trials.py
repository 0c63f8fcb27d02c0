"""What searches tried, from the `trials` of the records: budgets, defaults, winners, and what fewer would give."""

import numpy as np
import pandas as pd

from benchmarks.analysis.records import Records


def of_row(records: Records, dataset: str, name: str, kind: str = "model") -> pd.DataFrame:
    """Trials of a model's own search (or of a recipe's, by `kind`) on all splits of a dataset."""
    trials = records.trials
    return trials[(trials["dataset"] == dataset) & (trials["kind"] == kind) & (trials["name"] == name)]


def budget(trials: pd.DataFrame) -> int:
    """Trials a split; the same on each by the protocol, whether they succeed, are given up or fail."""
    return int(trials.groupby("split").size().max()) if len(trials) else 0


def charged(records: Records, dataset: str, model: str) -> int:
    """Trials a split of the recipe that a model uses, which count as the model's."""
    recipes = of_row(records, dataset, model)["recipe"].unique()
    return sum(budget(of_row(records, dataset, recipe, "recipe")) for recipe in recipes)


def default(trials: pd.DataFrame) -> pd.Series:
    """Validation score of trial 0, the defaults, by split; NaN where it failed. It is never given up."""
    return trials[trials["trial"] == 0].set_index("split")["value"].astype(float)


def winners(trials: pd.DataFrame) -> pd.DataFrame:
    """The best trial of each split, the earliest among equals, by split."""
    ranked = trials[trials["state"] == "ok"].sort_values(["value", "trial"], ascending=[False, True])
    return ranked.groupby("split", sort=False).head(1).sort_values("split").set_index("split")


def expected_maximum(values: np.ndarray, draws: int) -> np.ndarray:
    """Expected best of 1, 2, ... `draws` trials drawn with replacement from the n `values`, which may be in any order.

    Dodge et al. (2019, https://arxiv.org/abs/1909.03004): the best of k draws is at most the i-th smallest value with
    probability (i / n)^k. Biased downward for the best of k new trials (Tang et al., 2020,
    https://arxiv.org/abs/2004.13705): at k = n it is still below the best value.
    """
    below = np.arange(len(values) + 1)[:, None] / len(values)  # [n + 1, 1]
    return np.sort(values) @ np.diff(below ** np.arange(1, draws + 1), axis=0)
