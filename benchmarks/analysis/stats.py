"""Statistics of scores: pure functions over arrays, no files, no models.

Units (students) are resampled inside a test set and the same draws serve every model, so differences are paired.
Resampled accuracies are one matrix product. Resampled ROC-AUCs are exact (weighted ranks: a sort and a running sum
serve all draws of a run): DeLong's variance is as fast but gives a symmetric interval of one run, which neither
resampled seeds nor the percentile interval of an area near one can use; it gives the resolution floor.

NaN in, NaN out: a score that is not defined is no better and no worse than another, and a mean over it is none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata, studentized_range
from scipy.stats import t as student_t

DRAWS = 4000
"""Bootstrap draws. Where none lies beyond zero, p is that of a normal distribution with their spread, for with 2/4001
no difference would outlast Holm's correction for more than 100 comparisons."""
BLOCK = 8_000_000
"""Students times draws that are resampled at once. Comparisons of three rows with two seeds, 48,000 students tested,
take 0.5 GB; all draws at once took 8.4 GB and two and a half times as long."""
SAME = 1e-12
"""Differences that are nearer to each other are the same: rounding moves a score by 1e-16, one pair of students in
ten billion moves it by 1e-10."""
ALPHA = 0.05
MARGIN = 0.01
"""Scores that differ by less are equivalent: one student in a hundred, less than a seed moves a fine-tuned row."""


@dataclass(frozen=True)
class Estimate:
    """A mean or a mean difference, its 95 % interval, the 90 % one that decides equivalence, and p of "it is zero"."""

    value: float
    low: float
    high: float
    inner: tuple[float, float]
    p: float


def unit_draws(units: int, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """How often each unit is in each bootstrap sample, [n, draws]."""
    return _counts(units, units, rng, draws)


def unit_blocks(units: int, rng: np.random.Generator, draws: int = DRAWS) -> Iterator[np.ndarray]:
    """The same draws as those of `unit_draws`, some at a time [n, at most BLOCK / n]."""
    step = max(1, BLOCK // units)
    for first in range(0, draws, step):
        yield unit_draws(units, rng, min(step, draws - first))


def seed_draws(seeds: int, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """How often each seed is in each bootstrap sample, [n, draws].

    A sample has n - 1 seeds, so that the variance of its mean is S²/n (Rao & Wu, 1988); with n of them it would be
    S²(n - 1)/n², half as much where there are two. One seed is in every sample: its luck is not seen.
    """
    return _counts(seeds, max(1, seeds - 1), rng, draws)


def _counts(n: int, size: int, rng: np.random.Generator, draws: int) -> np.ndarray:
    picked = rng.integers(n, size=(draws, size)) + n * np.arange(draws)[:, None]
    counts = np.bincount(picked.ravel(), minlength=n * draws).reshape(draws, n)
    return np.ascontiguousarray(counts.T, dtype=float)


def accuracy_draws(correct: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Accuracies [..., draws] of decisions that are `correct` [..., n], resampled by `counts` [n, draws]."""
    return correct @ counts / counts.sum(0)


def auc_draws(positive: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """ROC-AUC [draws] of `scores` [n], resampled by `counts` [n, draws]; NaN where a class is not drawn.

    NaN, too, where a score is: a model that gives none ranks nobody.
    """
    if np.isnan(scores).any():
        return np.full(counts.shape[1], np.nan)
    order = np.argsort(scores[~positive])
    negatives, others = scores[~positive][order], counts[~positive][order]
    below = np.concatenate([np.zeros((1, counts.shape[1])), np.cumsum(others, axis=0)])  # [n- + 1, draws]
    first = np.searchsorted(negatives, scores[positive], "left")
    last = np.searchsorted(negatives, scores[positive], "right")
    mine = counts[positive]
    won = np.einsum("nd,nd->d", mine, below[first] + below[last]) / 2  # a tie is half a win
    with np.errstate(invalid="ignore"):
        return won / (mine.sum(0) * below[-1])


def auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """ROC-AUC of `scores` [n]; NaN where only one class is there, or a score is NaN."""
    return float(auc_draws(positive, scores, np.ones((len(scores), 1)))[0])


def auc_influence(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """What each target [n] moves ROC-AUC; the sum of squares is the variance of DeLong et al. (1988).

    By midranks (Sun & Xu, 2014, https://doi.org/10.1109/LSP.2014.2337313). The influence on a difference of two areas
    is the difference of the influences. NaN where a class has fewer than two targets.
    """
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if min(ones, zeros) < 2:
        return np.full(len(scores), np.nan)
    everyone = rankdata(scores)
    placed = np.empty(len(scores))
    placed[positive] = (everyone[positive] - rankdata(scores[positive])) / zeros
    placed[~positive] = 1 - (everyone[~positive] - rankdata(scores[~positive])) / ones
    size = np.where(positive, ones, zeros)
    return (placed - placed[positive].mean()) / np.sqrt(size * (size - 1))


def accuracy_influence(correct: np.ndarray) -> np.ndarray:
    """What each target [n] adds to the accuracy.

    The sum of squares of a difference of two is disagreement/n: its variance where the models are equally good.
    """
    return correct / len(correct)


def of_units(units: np.ndarray, influence: np.ndarray) -> np.ndarray:
    """What each of the different `units` [n] moves a score, from what their targets [n] do."""
    return np.bincount(np.unique(units, return_inverse=True)[1], influence)


def resolution_floor(influence: np.ndarray) -> float:
    """The smallest difference that a test set can see, from the influence [n] of its units on a paired difference.

    It is the half width of the 95 % interval: 1.96 sqrt(disagreement / n) for accuracy, 1.96 of DeLong's standard
    errors of the difference for ROC-AUC.
    """
    return float(norm.ppf(1 - ALPHA / 2) * np.sqrt((influence**2).sum()))


def over_seeds(draws: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Means [draws] of resampled scores [seeds, draws], over seeds resampled by counts [seeds, draws]."""
    return (draws * seeds).sum(0) / seeds.sum(0)


def percentile(value: float, draws: np.ndarray) -> Estimate:
    """Percentile bootstrap of a mean or difference whose resampled values are `draws`; NaN among them are left out.

    They are samples in which a class was not drawn. NaN throughout where the value itself is.
    """
    draws = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(draws):
        return Estimate(value, np.nan, np.nan, (np.nan, np.nan), np.nan)
    low, high, *inner = np.quantile(draws, [ALPHA / 2, 1 - ALPHA / 2, ALPHA, 1 - ALPHA]).tolist()
    beyond = min((draws <= 0).sum(), (draws >= 0).sum())
    p = min(1.0, 2 * (beyond + 1) / (len(draws) + 1))
    if not beyond and (spread := draws.std()) > SAME:
        p = min(p, float(2 * norm.sf(abs(value) / spread)))
    return Estimate(value, low, high, (inner[0], inner[1]), p)


def over_folds(values: np.ndarray, ratio: float) -> Estimate:
    """Corrected resampled t (Nadeau & Bengio, 2003, https://doi.org/10.1023/A:1024068626366) of one value a fold, [J].

    `ratio` is test over training students. Folds share training students, so the variance of their mean is
    (1/J + ratio) S², not S²/J.

    One and the same value in each fold has an interval of no width and no p; where all are zero, p is 1.
    """
    folds, mean = len(values), float(values.mean())
    error = float(np.sqrt((1 / folds + ratio) * values.var(ddof=1)))
    wide, narrow = (error * float(student_t.ppf(1 - a, folds - 1)) for a in (ALPHA / 2, ALPHA))
    if np.ptp(values) <= SAME:
        p = 1.0 if np.abs(values).max() <= SAME else np.nan
    else:
        p = float(2 * student_t.sf(abs(mean) / error, folds - 1))
    return Estimate(mean, mean - wide, mean + wide, (mean - narrow, mean + narrow), p)


def corrected_t(differences: np.ndarray, ratio: float) -> Estimate:
    """`over_folds` of one difference a fold [J], which may be refused.

    One and the same in each fold shows no variance to compare it with, and J values are too few to say that there is
    none: neither interval nor p, so undecided. Only where all are zero p is 1, and the interval is zero.
    """
    found = over_folds(differences, ratio)
    return Estimate(found.value, np.nan, np.nan, (np.nan, np.nan), np.nan) if np.isnan(found.p) else found


def holm(p: np.ndarray) -> np.ndarray:
    """P values [m] adjusted by Holm (1979); NaN are no tests."""
    adjusted, tested = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def equivalent(estimate: Estimate, margin: float = MARGIN) -> bool:
    """Two one-sided tests at 5 % (Schuirmann, 1987): the 90 % interval lies inside ± margin."""
    return -margin < estimate.inner[0] and estimate.inner[1] < margin


def verdict(estimate: Estimate, adjusted: float) -> str:
    """Of a difference and its adjusted p: `tied` (known to be below the margin), `better`, `worse` or `undecided`."""
    if equivalent(estimate):
        return "tied"
    if adjusted < ALPHA:
        return "better" if estimate.value > 0 else "worse"
    return "undecided"


def average_ranks(scores: np.ndarray) -> np.ndarray:
    """Mean ranks [models] of scores [datasets, models]; the best score has rank 1, equals share their ranks.

    Where a dataset lacks a score nobody's rank is known, so all are NaN.
    """
    return rankdata(-scores, axis=1).mean(0)


def critical_difference(models: int, datasets: int) -> float:
    """Difference of average ranks from which on Nemenyi's test at 5 % tells two models apart (Demsar, 2006)."""
    quantile = studentized_range.ppf(1 - ALPHA, models, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(models * (models + 1) / (6 * datasets)))


def variance_shares(scores: np.ndarray) -> dict[str, float]:
    """Variance of scores [splits, seeds] that is due to the split, to the seed, and to neither.

    Random-effects analysis of variance, splits crossed with seeds: mean squares, solved for the components; one that
    comes out negative is zero (Searle, Casella & McCulloch, 1992).
    """
    splits, seeds = scores.shape
    rows, columns, grand = scores.mean(1), scores.mean(0), scores.mean()
    residual = ((scores - rows[:, None] - columns + grand) ** 2).sum() / ((splits - 1) * (seeds - 1))
    return {
        "split": float(np.maximum(rows.var(ddof=1) - residual / seeds, 0)),  # NaN stays
        "seed": float(np.maximum(columns.var(ddof=1) - residual / splits, 0)),
        "residual": float(residual),
    }
