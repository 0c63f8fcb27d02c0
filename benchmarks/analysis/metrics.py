"""Scores on test students: pure functions over arrays, by scikit-learn's definitions."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn import metrics as sk

from benchmarks.analysis.people import merged

SCORES = ("accuracy", "macro_f1", "roc_auc", "pr_auc")
BINS = 15
"""Of a reliability diagram."""


def decisions(probabilities: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Classes [n] of probabilities [n, K]; when binary (K = 1), positive from the threshold on."""
    if probabilities.shape[1] == 1:
        return (probabilities[:, 0] >= threshold).astype(np.int64)
    return probabilities.argmax(1)


def best_thresholds(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Thresholds [K] of best macro-F1, one a question of binary or multilabel labels [n] or [n, K].

    A threshold lies between two probabilities that occur; of equally good ones, the nearest to one half is taken.
    """
    found = []
    for y, p in questions(labels.reshape(len(labels), -1), probabilities):
        occurring = np.unique(p)
        between = (occurring[1:] + occurring[:-1]) / 2 if len(occurring) > 1 else np.array([0.5])
        order = np.argsort(p[:, 0])
        below = np.searchsorted(p[order, 0], between)  # [candidates] students who are decided no
        missed = np.append(0, np.cumsum(y[order] == 1))[below]  # of them, those who are yes
        yes, no = (y == 1).sum(), (y == 0).sum()
        f1 = np.mean([_f1(below - missed, below, no), _f1(yes - missed, len(y) - below, yes)], axis=0)
        best = between[np.isclose(f1, f1.max())]
        found.append(best[np.abs(best - 0.5).argmin()])
    return np.array(found)


def _f1(right: np.ndarray, chosen: np.ndarray, true: int) -> np.ndarray:
    """F1 of how many are rightly `chosen`, of all who are, and of the `true` ones; 0 where nothing is found."""
    return 2 * right / np.maximum(chosen + true, 1)


def macro_f1_at(thresholds: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Macro-F1 of binary or multilabel labels at thresholds [K], over the classes that occur, as in `scores`."""
    columns = zip(questions(labels.reshape(len(labels), -1), probabilities), thresholds, strict=True)
    each = [
        sk.f1_score(y, decisions(p, at), labels=np.unique(y), average="macro", zero_division=0)
        for (y, p), at in columns
    ]
    return float(np.mean(each))


def questions(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The binary tasks of a multilabel one: labels [n'] and probabilities [n', 1] of those with a known answer."""
    return [(y[y >= 0], p[y >= 0, None]) for y, p in zip(labels.T, probabilities.T, strict=True)]


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Accuracy, macro-F1, ROC-AUC and PR-AUC (average precision) of labels [n] and probabilities [n, K].

    For several classes the areas are one-vs-rest, averaged over the classes that occur among the labels; macro-F1
    is over these classes too. When multilabel (labels [n, K], -1 unknown) each score is the mean over the questions.
    """
    if labels.ndim == 2:
        each = [scores(y, p) for y, p in questions(labels, probabilities)]
        return {name: float(np.mean([one[name] for one in each])) for name in SCORES}
    chosen = decisions(probabilities)
    present = np.unique(labels)
    one_hot, columns = _one_vs_rest(labels, probabilities)
    return {
        "accuracy": float((chosen == labels).mean()),
        "macro_f1": float(sk.f1_score(labels, chosen, labels=present, average="macro", zero_division=0)),
        "roc_auc": float(np.mean([sk.roc_auc_score(y, p) for y, p in zip(one_hot, columns, strict=True)])),
        "pr_auc": float(np.mean([sk.average_precision_score(y, p) for y, p in zip(one_hot, columns, strict=True)])),
    }


def prevalence(labels: np.ndarray, num_outputs: int) -> float:
    """PR-AUC of a model that knows nothing: the positive share, or its mean over the classes that occur."""
    if labels.ndim == 2:
        return float(np.mean([(y[y >= 0] == 1).mean() for y in labels.T]))
    if num_outputs == 1:
        return float((labels == 1).mean())
    return 1 / len(np.unique(labels))


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared error of probabilities (Brier, 1950): of the positive class, or summed over several classes."""
    if labels.ndim == 2:
        return float(np.mean([brier(y, p) for y, p in questions(labels, probabilities)]))
    if probabilities.shape[1] == 1:
        return float(((probabilities[:, 0] - labels) ** 2).mean())
    return float(((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(1).mean())


def reliability(labels: np.ndarray, probabilities: np.ndarray, fewest: int = 1) -> pd.DataFrame:
    """Share, mean predicted and observed frequency of at most BINS bins of equal mass; equal probabilities share one.

    Neighbors are joined until each bin has `fewest` students, see `benchmarks.analysis.people`.

    Of the positive class when binary, pooled over the questions when multilabel, and of the decision being right when
    there are several classes.
    """
    if labels.ndim == 2:
        known = labels >= 0
        chance, happened, who = probabilities[known], labels[known] == 1, np.nonzero(known)[0]
    elif probabilities.shape[1] == 1:
        chance, happened, who = probabilities[:, 0], labels == 1, np.arange(len(labels))
    else:
        chance, happened = probabilities.max(1), decisions(probabilities) == labels
        who = np.arange(len(labels))
    bins = ((rankdata(chance) - 0.5) * BINS / len(chance)).astype(int)
    bins = merged(bins, who, fewest)
    rows = [
        (b, len(np.unique(who[bins == b])), (bins == b).mean(), chance[bins == b].mean(), happened[bins == b].mean())
        for b in np.unique(bins).tolist()
    ]
    return pd.DataFrame(rows, columns=["bin", "students", "share", "predicted", "observed"])


def calibration_error(bins: pd.DataFrame) -> float:
    """ECE (Naeini et al., 2015; equal mass: Nguyen & O'Connor, 2015) of a reliability diagram's bins."""
    return float((bins["share"] * (bins["predicted"] - bins["observed"]).abs()).sum())


def per_class(
    labels: np.ndarray, probabilities: np.ndarray, classes: list[str], thresholds: np.ndarray | None
) -> pd.DataFrame:
    """Precision, recall, F1 and support of each class, and their micro, macro and weighted means.

    The means are over the classes that occur among the labels or the decisions. `f1_chosen` is F1 at `thresholds` [K],
    NaN without them.
    """
    frame = _report(labels, probabilities, classes, np.full(probabilities.shape[1], 0.5))
    chosen = np.nan if thresholds is None else _report(labels, probabilities, classes, thresholds)["f1"]
    return frame.assign(f1_chosen=chosen).astype({"support": "int64"})


def _report(labels: np.ndarray, probabilities: np.ndarray, classes: list[str], thresholds: np.ndarray) -> pd.DataFrame:
    if labels.ndim == 2:
        return _per_question(labels, probabilities, classes, thresholds)
    chosen = decisions(probabilities, thresholds[0])
    codes = np.arange(len(classes))
    rows = [(name, *values) for name, *values in zip(classes, *_prf(labels, chosen, codes, None), strict=True)]
    occurring = np.union1d(labels, chosen)
    for average in ("micro", "macro", "weighted"):
        rows.append((average, *_prf(labels, chosen, occurring, average)[:3], len(labels)))
    return pd.DataFrame(rows, columns=["class", "precision", "recall", "f1", "support"])


def _per_question(
    labels: np.ndarray, probabilities: np.ndarray, classes: list[str], thresholds: np.ndarray
) -> pd.DataFrame:
    """The same of a multilabel task: of each question the positive answers, whose number is the support."""
    chosen = np.where(labels >= 0, probabilities >= thresholds, -1)
    yes = sk.precision_recall_fscore_support(labels == 1, chosen == 1, average=None, zero_division=0)
    rows = [(name, *values) for name, *values in zip(classes, *yes, strict=True)]
    for average in ("micro", "macro", "weighted"):
        mean = sk.precision_recall_fscore_support(labels == 1, chosen == 1, average=average, zero_division=0)
        rows.append((average, *mean[:3], (labels == 1).sum()))
    return pd.DataFrame(rows, columns=["class", "precision", "recall", "f1", "support"])


def _prf(labels: np.ndarray, chosen: np.ndarray, codes: np.ndarray, average: str | None) -> tuple:
    return sk.precision_recall_fscore_support(labels, chosen, labels=codes, average=average, zero_division=0)


def _one_vs_rest(labels: np.ndarray, probabilities: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each class that occurs (and not alone): who is in it, and her probability of being in it."""
    if probabilities.shape[1] == 1:
        return [labels == 1], [probabilities[:, 0]]
    present = [c for c in np.unique(labels) if not (labels == c).all()]
    return [labels == c for c in present], [probabilities[:, c] for c in present]
