"""GraphSAGE baseline: the student and the mean of her neighbors each have a weight matrix.

Hamilton, Ying & Leskovec (2017, https://arxiv.org/abs/1706.02216), the mean aggregator over all neighbors. The mean is
weighted by the interactions; those in either direction are one neighborhood. PyTorch Geometric's SAGEConv ignores
their weights, so this one is our own, held against it by the tests. Scaffold and ranges are the GCN's.
Level 1: imports sgn only.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from sgn.blocks import GRAPH_SPACE, GraphKnobs, Stack, tabular, tabular_size
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(GraphKnobs):
    """Knobs of GraphSAGE."""


SPACE = {knob: values for knob, values in GRAPH_SPACE.items() if knob != "neighbors"}


class SAGEConv(nn.Module):
    """W1 h + W2 mean of the neighbors' h."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = nn.Linear(width, width, bias=False)
        self.neighbors = nn.Linear(width, width)

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, width] to [N, width]."""
        return self.own(h) + self.neighbors(graph.neighborhood @ h)


class GraphSAGE(nn.Module):
    """GraphSAGE over tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        self.config = config
        blocks = [SAGEConv(config.width) for _ in range(config.layers)]
        self.stack = Stack(tabular_size(view.graph, config), view.num_outputs, blocks, config)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(tabular(graph, self.config), graph)


build = GraphSAGE
