"""MLP baseline: tabular features alone, no text and no neighbors.

The features hold what a practitioner counts (activity, recency, the student's own degree), so that the row is no
straw man. The scaffold is BERT+GCN's with feed-forward blocks in place of graph convolutions.
Floor 1: imports sgn only.
"""

from dataclasses import dataclass

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from torch import Tensor, nn

from sgn.blocks import FeedForward, Stack
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config:
    """Knobs of the MLP."""

    width: int = 64
    layers: int = 2
    dropout: float = 0.5
    lr: float = 5e-3
    weight_decay: float = 1e-3


SPACE = {
    "width": CategoricalDistribution([32, 64, 128]),
    "layers": IntDistribution(1, 3),
    "dropout": FloatDistribution(0.0, 0.7),
    "lr": FloatDistribution(1e-3, 3e-2, log=True),
    "weight_decay": FloatDistribution(1e-5, 1e-1, log=True),
}


class MLP(nn.Module):
    """Feed-forward blocks over tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        self.stack = Stack(
            inputs=view.graph.num_features,
            width=config.width,
            outputs=view.num_outputs,
            dropout=config.dropout,
            blocks=[FeedForward(config.width) for _ in range(config.layers)],
        )

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(graph.x, graph)


build = MLP
