"""BERT+GCN, the subject of the paper: convolve what the Transformer reads over whom the students interact with.

Cascade: a recipe fine-tunes the Transformer on the task; its state of each student's text stands beside her tabular
features, and graph convolutions carry both along the weighted interactions. The blocks and their ranges are the
baselines' own, so that the text is the only difference from GCN. From Transformer it differs by the graph and by the
tabular features; without edges (an ablation), by the features alone.
Floor 0: imports sgn only.
"""

import math
from dataclasses import dataclass

import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from torch import Tensor, nn

from sgn.blocks import GraphConv, Stack, States
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config:
    """Knobs of BERT+GCN."""

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


class BertGCN(nn.Module):
    """Graph convolutions over encoder states and tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        self.states = States(view.graph.num_states, config.dropout)
        self.stack = Stack(
            inputs=view.graph.num_states + view.graph.num_features,
            width=config.width,
            outputs=view.num_outputs,
            dropout=config.dropout,
            blocks=[GraphConv(config.width, config.neighbors) for _ in range(config.layers)],
        )

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        text = self.states(graph.states)  # [N, H]
        # hundreds of states would drown tens of features: give both sides the same norm
        text = text * math.sqrt(graph.num_features / graph.num_states)
        return self.stack(torch.cat([text, graph.x], dim=1), graph)


build = BertGCN
