"""APPNP: an MLP's logits, spread by personalized PageRank (Gasteiger et al., 2019, https://arxiv.org/abs/1810.05997)."""

from dataclasses import dataclass

from optuna.distributions import FloatDistribution
from torch import nn
from torch_geometric.nn import APPNP

from sgn import blocks
from sgn.blocks import FeedForward, Knobs, Stack, tabular, tabular_size


@dataclass(frozen=True)
class Config(Knobs):
    """Knobs of the MLP and of the propagation; trial 0 of every study is these defaults."""

    teleport: float = 0.2  # share of the student's own logits in each step
    steps: int = 10


SPACE = blocks.SPACE | {"teleport": FloatDistribution(0.05, 0.9)}


class Propagated(nn.Module):
    """Propagated logits."""

    def __init__(self, config, view):
        super().__init__()
        self.config, layers = config, [FeedForward(config.width) for _ in range(config.layers)]
        self.mlp = Stack(tabular_size(view.graph, config), view.num_outputs, layers, config)
        self.spread = APPNP(config.steps, config.teleport)

    def forward(self, graph):
        """Logits [N, K]."""
        logits = self.mlp(tabular(graph, self.config), graph)  # [N, K]
        edges, weights = graph.interactions.edges  # [2, E] and [E], as PyG's layers take them
        return self.spread(logits, edges, weights)


build = Propagated
