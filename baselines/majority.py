"""Majority control: each student gets the class shares of the training students.

Its PR-AUC is the prevalence and its ROC-AUC one half by construction: a row of another value means a broken
instrument. Level 1: imports sgn only.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sgn.fit import Predictor, Report
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config:
    """Nothing to choose."""


def fit(config: Config, view: TrainingView, seed: int, report: Report) -> Predictor:
    """Count the classes of the training students."""
    labels = view.labels[view.train]
    if view.task.kind == "multilabel":
        row = torch.where(labels >= 0, labels, torch.nan).nanmean(0)  # [K] share of yes among the known answers
    else:
        counts = torch.bincount(labels, minlength=len(view.task.classes)).float()
        shares = counts / counts.sum()
        row = shares[1:] if view.task.kind == "binary" else shares  # [K]

    def predict(graph: StudentGraph) -> Tensor:
        return row.expand(len(graph), -1)

    return predict
