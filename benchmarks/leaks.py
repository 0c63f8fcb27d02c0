"""Signs of a leak in a dataset as built: columns that know too much. Floor 2."""

import numpy as np
from scipy.stats import rankdata

from benchmarks.dataset import Dataset

TELLS = 0.99
"""Area under the ROC curve from which on a single feature tells a class too well to be a measurement."""

FOLLOWS = 0.99
"""Rank correlation with the order of the students from which on a feature is a number or date of entry."""


def suspicions(dataset: Dataset) -> list[str]:
    """A sentence for each feature that tells a class by itself, or the place of the student in the table."""
    x = dataset.graph.x.numpy()
    found = []
    for name, column in zip(dataset.graph.features, x.T, strict=True):
        if len(np.unique(column)) < 2:
            continue
        ranks = rankdata(column)
        if area := _tells(ranks, dataset.labels):
            found.append(f"suspicious: feature {name!r} alone tells a class (ROC-AUC {area:.3f})")
        order = np.corrcoef(ranks, np.arange(len(ranks)))[0, 1]
        if abs(order) > FOLLOWS:
            found.append(
                f"suspicious: feature {name!r} follows the order of the students (rank correlation {order:.3f})"
            )
    return found


def _tells(ranks: np.ndarray, labels: np.ndarray) -> float:
    """The area under the ROC curve of a feature for a class that it tells too well; 0 where there is none."""
    for answers in labels.reshape(len(labels), -1).T:
        known = answers >= 0
        order = rankdata(ranks[known])
        for value in np.unique(answers[known]):
            positive = answers[known] == value
            n, m = positive.sum(), (~positive).sum()
            if min(n, m) < 5:
                continue
            area = (order[positive].sum() - n * (n + 1) / 2) / (n * m)
            if max(area, 1 - area) > TELLS:
                return float(max(area, 1 - area))
    return 0.0
