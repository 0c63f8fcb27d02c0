"""LINKX baseline: whom a student interacts with is an input like any other, and nothing is convolved.

Lim et al. (2021, https://arxiv.org/abs/2110.14446), as PyTorch Geometric has it: a linear map of the student's row of
the adjacency matrix, one of her features, and an MLP on both. As in the paper a row holds zeros and ones (weighted rows
that sum to one validated seven points worse on facebook100 Reed98); interactions in either direction count. With a
weight vector a student it is transductive: whom training did not see, it cannot predict.
Level 1: imports sgn and PyG only.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch_geometric.nn import models

from sgn.blocks import GRAPH_SPACE, GraphKnobs, tabular, tabular_size
from sgn.errors import NotApplicableError
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(GraphKnobs):
    """Knobs of LINKX. `norm` and `residual` have no place in it: its scaffold is the paper's."""

    layers: int = 1  # of the MLP on both maps


SPACE = {knob: values for knob, values in GRAPH_SPACE.items() if knob != "neighbors"}


class LINKX(nn.Module):
    """Adjacency rows and tabular features, mapped apart and then together."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        if view.graph.known is None:  # views carry known labels unless some students are hidden
            raise NotApplicableError("LINKX learns a weight vector a student, and this split hides students from it")
        self.config = config
        sizes = len(view.graph), tabular_size(view.graph, config), config.width, view.num_outputs
        self.linkx = models.LINKX(*sizes, config.layers, dropout=config.dropout)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        edges, _ = graph.interactions.edges
        return self.linkx(tabular(graph, self.config), edges)


build = LINKX
