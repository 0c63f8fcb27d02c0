"""Transformer-only baseline: the text without the graph and without the tabular features.

The pretrained Transformer is fine-tuned on the task by its recipe. The row's own trials choose between the
classification head that fine-tuning left and a new one trained on the fine-tuned states.
Level 1: imports sgn only.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from optuna.distributions import CategoricalDistribution, IntDistribution
from torch import Tensor, nn

from sgn import blocks
from sgn.blocks import FeedForward, Knobs, Stack, States
from sgn.fit import Predictor, Report
from sgn.fit import fit as fit_module
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(Knobs):
    """Knobs of Transformer-only; all but `head` belong to a new head."""

    head: Literal["finetuned", "new"] = "finetuned"
    layers: int = 0  # of a new head


SPACE = blocks.SPACE | {"head": CategoricalDistribution(["finetuned", "new"]), "layers": IntDistribution(0, 1)}


class Head(nn.Module):
    """A new head on the encoder's states."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        size = view.graph.num_states
        self.states = States(size, config.dropout)
        layers = [FeedForward(config.width) for _ in range(config.layers)]
        self.stack = Stack(size, view.num_outputs, layers, config)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(self.states(graph.states), graph)


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
