"""Transformer-only baseline: the text without the graph and without the tabular features.

The pretrained Transformer is fine-tuned on the task by its recipe. The row's own trials choose between the
classification head that fine-tuning left and a new one trained on the fine-tuned states.
Floor 1: imports sgn only.
"""

from dataclasses import dataclass

import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution
from torch import Tensor, nn

from sgn.blocks import FeedForward, Stack, States
from sgn.fit import Predictor, Report
from sgn.fit import fit as fit_module
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config:
    """Knobs of Transformer-only; all but `head` belong to a new head."""

    head: str = "finetuned"
    width: int = 64
    dropout: float = 0.5
    lr: float = 5e-3
    weight_decay: float = 1e-3


SPACE = {
    "head": CategoricalDistribution(["finetuned", "linear", "mlp"]),
    "width": CategoricalDistribution([32, 64, 128]),
    "dropout": FloatDistribution(0.0, 0.7),
    "lr": FloatDistribution(1e-3, 3e-2, log=True),
    "weight_decay": FloatDistribution(1e-5, 1e-1, log=True),
}


class Head(nn.Module):
    """A new head on the encoder's states."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        size = view.graph.num_states
        self.states = States(size, config.dropout)
        self.head: nn.Module
        if config.head == "linear":
            self.head = nn.Linear(size, view.num_outputs)
        else:
            self.head = Stack(size, config.width, view.num_outputs, config.dropout, [FeedForward(config.width)])

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        h = self.states(graph.states)
        return self.head(h) if isinstance(self.head, nn.Linear) else self.head(h, graph)


def fit(config: Config, view: TrainingView, seed: int, report: Report) -> Predictor:
    """Take the fine-tuned head as it is, or train a new one."""
    if config.head != "finetuned":
        return fit_module(Head, config, view, seed, report)

    def predict(graph: StudentGraph) -> Tensor:
        if graph.logits is None:
            raise ValueError("head 'finetuned' needs a recipe that fine-tunes; a frozen one leaves no head")
        return view.task.link(graph.logits)

    with torch.no_grad():
        logits, labels = view.graph.logits, view.labels[view.validation]
        predictions = predict(view.graph)[view.validation]
        report(1, view.task.score(predictions, labels), view.task.loss(logits[view.validation], labels).item())  # type: ignore[index]
    return predict
