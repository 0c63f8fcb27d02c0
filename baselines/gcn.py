"""GCN-only baseline: the graph and the tabular features without the text.

Graph convolutions (Kipf & Welling, 2017, https://arxiv.org/abs/1609.02907) in the residual scaffold that makes them
strong (Luo et al., 2024, https://arxiv.org/abs/2406.08993). Blocks and ranges are BERT+GCN's, so that what it
takes of texts is the only difference between the two rows. Level 1: imports sgn only.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from sgn.blocks import GRAPH_SPACE, ConvolutionKnobs, convolutions, tabular, tabular_size
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(ConvolutionKnobs):
    """Knobs of the GCN."""


SPACE = GRAPH_SPACE


class GCN(nn.Module):
    """Graph convolutions over tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        self.config = config
        self.stack = convolutions(tabular_size(view.graph, config), view.num_outputs, config, view.graph.directed)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(tabular(graph, self.config), graph)


build = GCN
