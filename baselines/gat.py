"""GAT baseline: attention over the neighbors instead of the interactions' weights.

Graph attention (Velickovic et al., 2018, https://arxiv.org/abs/1710.10903), the first form: GATv2 computes a vector for
each interaction and head where this one computes a number. A student attends to herself and to interactions in either
direction. Scaffold and ranges are the GCN's. Level 1: imports sgn only.
"""

from dataclasses import dataclass

import torch
from optuna.distributions import CategoricalDistribution
from torch import Tensor, nn
from torch.nn import functional

from sgn.blocks import GRAPH_SPACE, GraphKnobs, Stack, tabular, tabular_size
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(GraphKnobs):
    """Knobs of the GAT."""

    heads: int = 8


SPACE = {knob: values for knob, values in GRAPH_SPACE.items() if knob != "neighbors"}
SPACE["heads"] = CategoricalDistribution([1, 4, 8])


class GATConv(nn.Module):
    """Attention of each student over herself and her neighbors, several heads side by side."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} attention heads")
        self.linear = nn.Linear(width, width, bias=False)
        self.source, self.target = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(heads, width // heads))) for _ in range(2)
        )
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, width] to [N, width]."""
        targets, sources = graph.symmetric.places  # [E] each, with loops; a pair that met both ways is there once
        x = self.linear(h).view(len(h), *self.source.shape)  # [N, heads, d]
        offered, asked = (x * self.source).sum(2), (x * self.target).sum(2)  # [N, heads]
        scores = functional.leaky_relu(asked.index_select(0, targets) + offered.index_select(0, sources), 0.2)
        messages = softmax_by(targets, scores, len(h))[..., None] * x.index_select(0, sources)  # [E, heads, d]
        return torch.zeros_like(h).index_add(0, targets, messages.flatten(1)) + self.bias


def softmax_by(index: Tensor, scores: Tensor, n: int) -> Tensor:
    """Softmax of scores [E, heads] among the rows that share an index < n."""
    places = index[:, None].expand_as(scores)
    most = scores.new_full((n, scores.shape[1]), -torch.inf).scatter_reduce(0, places, scores.detach(), "amax")
    powers = (scores - most.index_select(0, index)).exp()
    return powers / torch.zeros_like(most).index_add(0, index, powers).index_select(0, index)


class GAT(nn.Module):
    """Graph attention over tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        self.config = config
        blocks = [GATConv(config.width, config.heads) for _ in range(config.layers)]
        self.stack = Stack(tabular_size(view.graph, config), view.num_outputs, blocks, config)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(tabular(graph, self.config), graph)


build = GAT
