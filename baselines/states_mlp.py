"""Text and features without the graph: encoder states beside tabular features, through the MLP's feed-forward blocks.

BERT+GCN with feed-forward blocks in place of graph convolutions, so that between the two rows only the graph differs.
With a frozen recipe it says what fine-tuning is worth. Level 1: imports sgn only.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sgn.blocks import SPACE as SPACE
from sgn.blocks import FeedForward, Knobs, Stack, States, text_scale
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(Knobs):
    """Knobs of the MLP on states and features."""


class StatesMLP(nn.Module):
    """Feed-forward blocks over encoder states and tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        size, features = view.graph.num_states, view.graph.num_features
        self.states = States(size, config.dropout)
        self.scale = text_scale(view)  # as in BERT+GCN
        layers = [FeedForward(config.width) for _ in range(config.layers)]
        self.stack = Stack(size + features, view.num_outputs, layers, config)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(torch.cat([self.states(graph.states) * self.scale, graph.x], dim=1), graph)


build = StatesMLP
