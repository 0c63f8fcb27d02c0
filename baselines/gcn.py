"""GCN-only baseline: the graph and the tabular features without the text.

Graph convolutions (Kipf & Welling, 2017, https://arxiv.org/abs/1609.02907) in the residual scaffold that makes them
strong (Luo et al., 2024, https://arxiv.org/abs/2406.08993). Blocks and ranges are BERT+GCN's, so that the encoder's
states are the only difference between the two rows. Floor 1: imports sgn only.
"""

from dataclasses import dataclass

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from torch import Tensor, nn

from sgn.blocks import GraphConv, Stack
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config:
    """Knobs of the GCN."""

    width: int = 64
    layers: int = 2
    neighbors: str = "symmetric"
    dropout: float = 0.5
    lr: float = 5e-3
    weight_decay: float = 1e-3


SPACE = {
    "width": CategoricalDistribution([32, 64, 128]),
    "layers": IntDistribution(1, 3),
    "neighbors": CategoricalDistribution(["symmetric", "separate"]),
    "dropout": FloatDistribution(0.0, 0.7),
    "lr": FloatDistribution(1e-3, 3e-2, log=True),
    "weight_decay": FloatDistribution(1e-5, 1e-1, log=True),
}


class GCN(nn.Module):
    """Graph convolutions over tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        self.stack = Stack(
            inputs=view.graph.num_features,
            width=config.width,
            outputs=view.num_outputs,
            dropout=config.dropout,
            blocks=[GraphConv(config.width, config.neighbors) for _ in range(config.layers)],
        )

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(graph.x, graph)


build = GCN
