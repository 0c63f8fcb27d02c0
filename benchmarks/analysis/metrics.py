"""Scores of targets: pure functions over truth [n] and probabilities [n, K], by scikit-learn's definitions."""

import functools

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
    for _, yes, chance in questions(labels, probabilities):
        *counts, occurring = (each[::-1] for each in sk.confusion_matrix_at_thresholds(yes, chance))
        between = (occurring[1:] + occurring[:-1]) / 2
        no, wrong, missed, right = (count[np.searchsorted(occurring, between)] for count in counts)
        f1 = no / np.maximum(2 * no + wrong + missed, 1) + right / np.maximum(2 * right + wrong + missed, 1)
        best = between[np.isclose(f1, f1.max(initial=0))]
        found.append(best[np.abs(best - 0.5).argmin()] if len(best) else 0.5)
    return np.array(found)


def macro_f1_at(thresholds: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Macro-F1 of binary or multilabel labels at thresholds [K], over the classes that occur, as in `scores`."""
    columns = zip(questions(labels, probabilities), thresholds, strict=True)
    return float(np.mean([_macro_f1(yes, chance >= at) for (_, yes, chance), at in columns]))


def _macro_f1(labels: np.ndarray, chosen: np.ndarray) -> float:
    return sk.f1_score(labels, chosen, labels=np.unique(labels), average="macro", zero_division=0)


def questions(labels: np.ndarray, probabilities: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each binary question: what [n] has a known answer, whether it is yes [n'], and its probability [n']."""
    columns = labels.reshape(len(labels), -1)
    return [(y >= 0, y[y >= 0] == 1, p[y >= 0]) for y, p in zip(columns.T, probabilities.T, strict=True)]


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Accuracy, macro-F1, ROC-AUC and PR-AUC (average precision) of labels [n] and probabilities [n, K].

    For several classes the areas are one-vs-rest, averaged over the classes that occur among the labels; macro-F1
    is over these classes too. When multilabel (labels [n, K], -1 unknown) each score is the mean over the questions.
    """
    if labels.ndim == 2:
        each = [scores(yes, chance[:, None]) for _, yes, chance in questions(labels, probabilities)]
        return {name: float(np.mean([one[name] for one in each])) for name in SCORES}
    chosen = decisions(probabilities)
    one_hot, columns = _one_vs_rest(labels, probabilities)
    return {
        "accuracy": float((chosen == labels).mean()),
        "macro_f1": float(_macro_f1(labels, chosen)),
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
    if labels.ndim == 2 or probabilities.shape[1] == 1:
        return float(np.mean([((p - yes.astype(float)) ** 2).mean() for _, yes, p in questions(labels, probabilities)]))
    return float(((probabilities - np.eye(probabilities.shape[1])[labels]) ** 2).sum(1).mean())


def reliability(labels: np.ndarray, probabilities: np.ndarray, students: np.ndarray, fewest: int = 1) -> pd.DataFrame:
    """Share, mean predicted and observed frequency of at most BINS bins of equal mass; equal probabilities share one.

    Neighbors are joined until each bin has `fewest` of the `students` [n] or [n, m] whom labels tell of, see
    `benchmarks.analysis.people`.

    Of the positive class when binary, pooled over the questions when multilabel, and of the decision being right when
    there are several classes.
    """
    if labels.ndim == 2 or probabilities.shape[1] == 1:
        columns = labels.reshape(probabilities.shape)
        known = columns >= 0
        chance, happened, students = probabilities[known], columns[known] == 1, students[np.nonzero(known)[0]]
    else:
        chance, happened = probabilities.max(1), decisions(probabilities) == labels
    bins = ((rankdata(chance) - 0.5) * BINS / len(chance)).astype(int)
    bins = merged(bins, students, fewest)
    rows = [
        (b, len(np.unique(students[of])), of.mean(), chance[of].mean(), happened[of].mean())
        for b in np.unique(bins).tolist()
        for of in [bins == b]
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
    """The report at `thresholds`; of a multilabel task of the positive answers, whose number is the support."""
    if labels.ndim == 2:
        true, chosen = labels == 1, (labels >= 0) & (probabilities >= thresholds)
        codes, occurring, support = None, None, true.sum()
    else:
        true, chosen = labels, decisions(probabilities, thresholds[0])
        codes, occurring, support = np.arange(len(classes)), np.union1d(labels, chosen), len(labels)
    measured = functools.partial(sk.precision_recall_fscore_support, true, chosen, zero_division=0)
    rows = [(name, *values) for name, *values in zip(classes, *measured(labels=codes), strict=True)]
    for average in ("micro", "macro", "weighted"):
        rows.append((average, *measured(labels=occurring, average=average)[:3], support))
    return pd.DataFrame(rows, columns=["class", "precision", "recall", "f1", "support"])


def _one_vs_rest(labels: np.ndarray, probabilities: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each class that occurs (and not alone): who is in it, and her probability of being in it."""
    if probabilities.shape[1] == 1:
        return [labels == 1], [probabilities[:, 0]]
    present = [c for c in np.unique(labels) if not (labels == c).all()]
    return [labels == c for c in present], [probabilities[:, c] for c in present]
