"""The blocks that every model is a stack of: residual scaffold, feed-forward, graph convolution.

Models differ by the blocks they stack and by nothing else, so that a comparison of two rows is a comparison of
two blocks. Floor 0: imports torch and `sgn.graph` only.
"""

import torch
from torch import Tensor, nn

from sgn.graph import StudentGraph


class FeedForward(nn.Module):
    """A linear map of each student alone: the graph convolution's counterpart without a graph."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, width] to [N, width]."""
        return self.linear(h)


class GraphConv(nn.Module):
    """Graph convolution.

    `neighbors="symmetric"`: the normalized adjacency with self-loops of Kipf & Welling (2017,
    https://arxiv.org/abs/1609.02907). `neighbors="separate"`: the student, the mean of those who point to her and
    the mean of those she points to each have a weight matrix of their own, which a directed or heterophilous
    graph needs (Zhu et al., 2020, https://arxiv.org/abs/2006.11468; Rossi et al., 2023,
    https://arxiv.org/abs/2305.10498).
    """

    def __init__(self, width: int, neighbors: str) -> None:
        super().__init__()
        if neighbors not in ("symmetric", "separate"):
            raise ValueError(f"neighbors is 'symmetric' or 'separate', not {neighbors!r}")
        self.neighbors = neighbors
        self.linear = nn.Linear(width if neighbors == "symmetric" else 3 * width, width)

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, width] to [N, width]."""
        if self.neighbors == "symmetric":
            return self.linear(graph.symmetric @ h)
        return self.linear(torch.cat([h, graph.incoming @ h, graph.outgoing @ h], dim=1))


class Residual(nn.Module):
    """h + dropout(gelu(block(norm(h)))): the scaffold around every block (Luo et al., 2024, arXiv:2406.08993)."""

    def __init__(self, block: nn.Module, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.block = block
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, width] to [N, width]."""
        return h + self.dropout(nn.functional.gelu(self.block(self.norm(h), graph)))


class States(nn.Module):
    """Normalize and drop out a student's encoder states, which are many for few labels."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        """[N, H] to [N, H], each entry of order one."""
        return self.dropout(self.norm(states))


class Stack(nn.Module):
    """Embed the inputs, run residual blocks, read out: the scaffold that all torch models share."""

    def __init__(self, inputs: int, width: int, outputs: int, dropout: float, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, width)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Residual(block, width, dropout) for block in blocks)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, outputs))

    def forward(self, inputs: Tensor, graph: StudentGraph) -> Tensor:
        """Inputs [N, inputs] to logits [N, outputs]."""
        h = self.dropout(self.embed(inputs))  # [N, width]
        for block in self.blocks:
            h = block(h, graph)
        return self.head(h)
