"""What is predicted: outputs, loss, link and validation score of a task.

Level 0: imports torch only.
"""

import math
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

    def loss(
        self, logits: Tensor, labels: Tensor, label_smoothing: float = 0.0, class_weights: Tensor | None = None
    ) -> Tensor:
        """Mean cross-entropy of logits [n, K] and labels [n], or of the known ones of [n, K] answers.

        `label_smoothing` mixes each target with the uniform distribution (Szegedy et al., 2016,
        https://arxiv.org/abs/1512.00567). `class_weights` [C] weigh students by their class, C = 2 when binary; in a
        multilabel task [2, K] weigh the answers no and yes to each question.
        """
        if self.kind == "multiclass":
            return functional.cross_entropy(logits, labels, weight=class_weights, label_smoothing=label_smoothing)
        if self.kind == "binary":
            logits, labels = logits.squeeze(-1), labels.long()
            weights = None if class_weights is None else class_weights[labels]
        else:
            weights = (labels >= 0).to(logits.dtype)  # not a selection: a GPU would make the host wait for its size
            if class_weights is not None:
                weights = weights * class_weights.gather(0, labels.clamp(min=0))
        target = labels.to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
        each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return each.mean() if weights is None else (each * weights).sum() / weights.sum()

    def balance(self, labels: Tensor) -> Tensor:
        """Class weights for `loss` that give each class (each answer to a question) the same total weight."""
        if self.kind == "multilabel":
            counts = torch.stack([(labels == answer).sum(0) for answer in (0, 1)]).float()  # [2, K]
        else:
            counts = torch.bincount(labels, minlength=len(self.classes)).float()  # [C]
        weights = torch.where(counts > 0, 1 / counts.clamp(min=1), 0.0)
        return weights / weights.mean()

    def one_hot(self, labels: Tensor) -> Tensor:
        """Labels as inputs of a model: [n] to [n, C], or answers [n, K] to [n, 2K] (yes, no); zeros where unknown."""
        if self.kind == "multilabel":
            return torch.cat([labels == 1, labels == 0], dim=1).float()
        return (labels[:, None] == torch.arange(len(self.classes), device=labels.device)).float()

    def shares(self, mass: Tensor, otherwise: Tensor | float = 0.0) -> Tensor:
        """Mass [n, C] on classes, or on answers as in `one_hot`, to probabilities [n, K]; `otherwise` without any."""
        if self.kind == "multilabel":
            wanted, no = mass.chunk(2, dim=1)
            total = wanted + no
        else:
            wanted, total = mass[:, 1:] if self.kind == "binary" else mass, mass.sum(1, keepdim=True)
        return torch.where(total > 0, wanted / total, otherwise)

    def masses(self, probabilities: Tensor) -> Tensor:
        """Probabilities [n, K] to the mass [n, C] that `shares` makes them of."""
        if self.kind == "multiclass":
            return probabilities
        no = 1 - probabilities
        return torch.cat([probabilities, no] if self.kind == "multilabel" else [no, probabilities], dim=1)

    def link(self, logits: Tensor) -> Tensor:
        """Logits [n, K] to probabilities [n, K]: of the positive class when binary, of each class otherwise."""
        return logits.softmax(-1) if self.kind == "multiclass" else logits.sigmoid()

    def mixture(self, first: Tensor, second: Tensor, share: float | Tensor) -> Tensor:
        """Logits [n, K] of the probabilities of `first`, mixed with those of `second`: `share` and 1 - `share`.

        Computed with logarithms, so that neither end loses its gradient. A share that is a tensor [] may learn.
        """
        weights: tuple[float, float] | tuple[Tensor, Tensor]
        if isinstance(share, Tensor):
            weights = share.log(), (-share).log1p()
        elif share in (0.0, 1.0):
            return first if share else second
        else:
            weights = math.log(share), math.log1p(-share)
        if self.kind == "multiclass":
            return torch.logaddexp(first.log_softmax(-1) + weights[0], second.log_softmax(-1) + weights[1])
        yes, no = (
            torch.logaddexp(
                functional.logsigmoid(s * first) + weights[0], functional.logsigmoid(s * second) + weights[1]
            )
            for s in (1, -1)
        )
        return yes - no

    def score(self, probabilities: Tensor, labels: Tensor) -> float:
        """Validation score of probabilities [n, K] (or anything monotone in them) for labels [n] or [n, K].

        NaN where one of them is: a diverged model ranks nobody, and `Report` refuses that score.
        """
        if probabilities.isnan().any():
            return math.nan
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

    NaN where a score is. Raises ValueError when a class is missing, for which the area is not defined.
    """
    if scores.isnan().any():
        return math.nan
    positive, negative = scores[labels == 1], scores[labels == 0].sort().values
    if len(positive) == 0 or len(negative) == 0:
        raise ValueError(f"ROC-AUC needs both classes; labels have {len(positive)} positive, {len(negative)} negative")
    below = torch.searchsorted(negative, positive, right=False)
    not_above = torch.searchsorted(negative, positive, right=True)
    return ((below + not_above).double().mean() / (2 * len(negative))).item()
