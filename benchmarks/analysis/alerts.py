"""Early warning: what staff find who can see some of the students, those first who are the most likely to need it."""

import numpy as np
import pandas as pd

from benchmarks.data.targets import Targets

SHARES = (0.1, 0.2, 0.3)
"""Of the students, whom staff can see."""


def alerts(targets: Targets, probabilities: np.ndarray, fewest: int = 1) -> pd.DataFrame:
    """By share of targets seen: precision, recall, and the median lead time of the positive ones among them.

    `probabilities` [n, 1] are of the positive class; a median over fewer than `fewest` students is NaN. What ties for
    the last places is seen with equal chances, so a model that knows nothing has the prevalence for its precision and
    the share for its recall.
    """
    _, place, size = np.unique(-probabilities[:, 0], return_inverse=True, return_counts=True)
    before = size.cumsum() - size
    positive = targets.truth == 1
    days = np.full(len(targets), np.nan) if targets.lead is None else targets.lead
    rows = []
    for share in SHARES:
        seen = np.clip((share * len(targets) - before) / size, 0, 1)[place]  # chance of each target
        found = seen * positive
        known = (found > 0) & ~np.isnan(days)
        enough = len(np.unique(targets.students[known])) >= fewest
        median = np.quantile(days[known], 0.5, weights=found[known], method="inverted_cdf") if enough else np.nan
        rows.append((share, found.sum() / seen.sum(), found.sum() / positive.sum(), float(median)))
    return pd.DataFrame(rows, columns=["share", "precision", "recall", "lead"])
