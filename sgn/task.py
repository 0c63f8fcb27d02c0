"""What is predicted: outputs, loss, link and validation score of a task.

Floor 0: imports torch only.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

KINDS = ("binary", "multiclass", "multilabel")


@dataclass(frozen=True)
class Task:
    """A behavior to predict.

    `kind` is "binary" (classes are negative, positive), "multiclass", or "multilabel" (each class is a question of
    its own, answered yes or no). Models are selected on validation by ROC-AUC when binary, by its mean over the
    questions when multilabel, and by accuracy when multiclass.
    """

    kind: str
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"task kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if self.kind == "binary" and len(self.classes) != 2:
            raise ValueError(f"a binary task has two classes (negative, positive), not {self.classes}")

    @property
    def num_outputs(self) -> int:
        """Number of logits a student: 1 when binary, else one a class."""
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def metric(self) -> str:
        """Name of the validation score, which is also the headline score on test."""
        return "accuracy" if self.kind == "multiclass" else "roc_auc"

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of logits [n, K] and labels [n], or of the known ones of [n, K] answers."""
        if self.kind == "multilabel":
            known = labels >= 0
            return functional.binary_cross_entropy_with_logits(logits[known], labels[known].to(logits.dtype))
        if self.kind == "binary":
            return functional.binary_cross_entropy_with_logits(logits.squeeze(-1), labels.to(logits.dtype))
        return functional.cross_entropy(logits, labels)

    def link(self, logits: Tensor) -> Tensor:
        """Logits [n, K] to probabilities [n, K]: of the positive class when binary, of each class otherwise."""
        return logits.softmax(-1) if self.kind == "multiclass" else logits.sigmoid()

    def score(self, probabilities: Tensor, labels: Tensor) -> float:
        """Validation score of probabilities [n, K] (or anything monotone in them) for labels [n] or [n, K]."""
        if self.kind == "multilabel":
            columns = [
                (p[known], y[known]) for p, y in zip(probabilities.T, labels.T, strict=True) for known in [y >= 0]
            ]
            return sum(roc_auc(p, y) for p, y in columns) / len(columns)
        if self.kind == "binary":
            return roc_auc(probabilities.squeeze(-1), labels)
        return (probabilities.argmax(-1) == labels).double().mean().item()


def roc_auc(scores: Tensor, labels: Tensor) -> float:
    """Area under the ROC curve: the share of (positive, negative) pairs in the right order, ties counted half.

    Raises ValueError when a class is missing, for which the area is not defined.
    """
    positive, negative = scores[labels == 1], scores[labels == 0].sort().values
    if len(positive) == 0 or len(negative) == 0:
        raise ValueError(f"ROC-AUC needs both classes; labels have {len(positive)} positive, {len(negative)} negative")
    below = torch.searchsorted(negative, positive, right=False)
    not_above = torch.searchsorted(negative, positive, right=True)
    return ((below + not_above).double().mean() / (2 * len(negative))).item()
