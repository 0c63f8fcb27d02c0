"""Early warning: what staff find who can see some of the students, those first who are the most likely to need it."""

import numpy as np
import pandas as pd

SHARES = (0.1, 0.2, 0.3)
"""Of the students, whom staff can see."""


def alerts(labels: np.ndarray, probabilities: np.ndarray, lead: np.ndarray | None, fewest: int = 1) -> pd.DataFrame:
    """By share of students seen: precision, recall, and the median lead time of the positive students among them.

    `labels` [n] are 0 or 1, `probabilities` [n, 1] of the positive class, `lead` [n] days left, NaN or None where
    nobody knows; a median over fewer than `fewest` is NaN. Who ties for the last places is seen with equal chances, so
    a model that knows nothing has the prevalence for its precision and the share for its recall.
    """
    _, place, size = np.unique(-probabilities[:, 0], return_inverse=True, return_counts=True)
    before = size.cumsum() - size
    days = np.full(len(labels), np.nan) if lead is None else lead
    rows = []
    for share in SHARES:
        seen = np.clip((share * len(labels) - before) / size, 0, 1)[place]  # chance of each student
        found = seen * (labels == 1)
        known = (found > 0) & ~np.isnan(days)
        enough = known.sum() >= fewest
        median = np.quantile(days[known], 0.5, weights=found[known], method="inverted_cdf") if enough else np.nan
        rows.append((share, found.sum() / seen.sum(), found.sum() / (labels == 1).sum(), float(median)))
    return pd.DataFrame(rows, columns=["share", "precision", "recall", "lead"])
