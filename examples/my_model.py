"""APPNP: an MLP's logits, spread by personalized PageRank (Gasteiger et al., 2019, https://arxiv.org/abs/1810.05997)."""

from dataclasses import dataclass

from optuna.distributions import FloatDistribution
from torch import nn

from sgn import blocks
from sgn.blocks import FeedForward, Knobs, Stack, tabular, tabular_size


@dataclass(frozen=True)
class Config(Knobs):
    """Knobs of the MLP and of the propagation; trial 0 of every study is these defaults."""

    teleport: float = 0.2  # share of the student's own logits in each step
    steps: int = 10


SPACE = blocks.SPACE | {"teleport": FloatDistribution(0.05, 0.9)}


class APPNP(nn.Module):
    """Propagated logits."""

    def __init__(self, config, view):
        super().__init__()
        self.config, layers = config, [FeedForward(config.width) for _ in range(config.layers)]
        self.mlp = Stack(tabular_size(view.graph, config), view.num_outputs, layers, config)

    def forward(self, graph):
        """Logits [N, K]."""
        h = own = self.mlp(tabular(graph, self.config), graph)  # [N, K]
        for _ in range(self.config.steps):
            h = (1 - self.config.teleport) * (graph.symmetric @ h) + self.config.teleport * own
        return h


build = APPNP
