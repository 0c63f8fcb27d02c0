"""MLP baseline: tabular features alone, no text and no neighbors.

The features hold what a practitioner counts (activity, recency, the student's own degree), so that the row is no
straw man. The scaffold is BERT+GCN's with feed-forward blocks in place of graph convolutions.
Level 1: imports sgn only.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from sgn.blocks import SPACE as SPACE
from sgn.blocks import FeedForward, Knobs, Stack
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(Knobs):
    """Knobs of the MLP."""


class MLP(nn.Module):
    """Feed-forward blocks over tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        blocks = [FeedForward(config.width) for _ in range(config.layers)]
        self.stack = Stack(view.graph.num_features, view.num_outputs, blocks, config)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(graph.x, graph)


build = MLP
