"""LINKX baseline: whom a student interacts with is an input like any other, and nothing is convolved.

Lim et al. (2021, https://arxiv.org/abs/2110.14446): a linear map of the student's row of the adjacency matrix, one of
her features, and an MLP on both. As in the paper a row holds zeros and ones (weighted rows that sum to one validated
seven points worse on facebook100 Reed98); interactions in either direction count. With a weight vector a student it is
transductive: whom training did not see, it cannot predict. Level 1: imports sgn only.
"""

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sgn.blocks import GRAPH_SPACE, GraphKnobs, tabular, tabular_size
from sgn.dropout import Dropout
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
        n, width = len(view.graph), config.width
        self.rows = nn.Parameter(torch.empty(n, width).uniform_(-1, 1) / math.sqrt(n))  # as a linear map of N inputs
        self.bias = nn.Parameter(torch.zeros(width))
        self.features = nn.Linear(tabular_size(view.graph, config), width)
        self.of_rows, self.of_features = nn.Linear(width, width), nn.Linear(width, width)
        self.head = mlp([width] * config.layers + [view.num_outputs], config.dropout)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        rows = graph.contacts @ self.rows + self.bias  # [N, width]
        features = self.features(tabular(graph, self.config))  # [N, width]
        h = self.of_rows(rows) + self.of_features(features) + rows + features
        return self.head(h.relu())


def mlp(sizes: list[int], dropout: float) -> nn.Sequential:
    """Linear maps between `sizes`, with ReLU, batch norm and dropout between them."""
    blocks = [
        nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.BatchNorm1d(b), Dropout(dropout))
        for a, b in itertools.pairwise(sizes[:-1])
    ]
    return nn.Sequential(*blocks, nn.Linear(sizes[-2], sizes[-1]))


build = LINKX
