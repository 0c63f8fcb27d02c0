"""The blocks that every model is a stack of, their knobs, and the ranges in which these are tuned.

Models differ by the blocks they stack and by nothing else, so that a comparison of two rows is a comparison of
two blocks. Level 0: imports torch, optuna's distributions and sgn only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from torch import Tensor, nn
from torch.nn import functional

from sgn.adjacency import Adjacency
from sgn.dropout import Dropout
from sgn.fit import Training
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Knobs(Training):
    """Knobs of any stack."""

    width: int = 64
    layers: int = 2
    dropout: float = 0.5
    norm: Literal["layer", "batch", "none"] = "layer"  # before each block
    residual: bool = True


@dataclass(frozen=True)
class GraphKnobs(Knobs):
    """Knobs of a stack that sees the graph: it may read the training labels there, as the best predictor would."""

    known_labels: bool = True


@dataclass(frozen=True)
class ConvolutionKnobs(GraphKnobs):
    """Knobs of a stack with graph convolutions."""

    neighbors: Literal["symmetric", "separate"] = "symmetric"
    drop_edge: float = 0.0
    scaffold: Literal["residual", "none"] = "residual"  # none: convolutions from the inputs to the outputs, and no more


SPACE = {
    "width": CategoricalDistribution([32, 64, 128]),
    "layers": IntDistribution(1, 3),
    "dropout": FloatDistribution(0.0, 0.7),
    "lr": FloatDistribution(1e-3, 3e-2, log=True),
    "weight_decay": FloatDistribution(1e-5, 1e-1, log=True),
}
GRAPH_SPACE = SPACE | {
    "neighbors": CategoricalDistribution(["symmetric", "separate"]),
    "known_labels": CategoricalDistribution([False, True]),
}

EXACT_ATTENTION = 5_000
"""Students up to which attention compares every pair."""


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
    https://arxiv.org/abs/1609.02907). `neighbors="separate"`: the student and the mean of her neighbors each have a
    weight matrix of their own, and in a directed graph those who point to her and those she points to, which a
    heterophilous or directed graph needs (Zhu et al., 2020, https://arxiv.org/abs/2006.11468; Rossi et al., 2023,
    https://arxiv.org/abs/2305.10498). `drop_edge`: the chance that an interaction is left out of a training pass
    (Rong et al., 2020, https://arxiv.org/abs/1907.10903).
    """

    def __init__(self, inputs: int, outputs: int, neighbors: str, directed: bool, drop_edge: float = 0.0) -> None:
        super().__init__()
        if neighbors not in ("symmetric", "separate"):
            raise ValueError(f"neighbors is 'symmetric' or 'separate', not {neighbors!r}")
        self.neighbors, self.directed, self.drop_edge = neighbors, directed, drop_edge
        parts = 1 if neighbors == "symmetric" else 3 if directed else 2
        self.linear = nn.Linear(parts * inputs, outputs)

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, inputs] to [N, outputs]."""
        if self.neighbors == "symmetric":
            return self.linear(self._thinned(graph.symmetric) @ h)
        sides = (graph.incoming, graph.outgoing) if self.directed else (graph.incoming,)
        return self.linear(torch.cat([h, *(self._thinned(side) @ h for side in sides)], dim=1))

    def _thinned(self, adjacency: Adjacency) -> Adjacency:
        return adjacency.thinned(self.drop_edge) if self.training and self.drop_edge else adjacency


class Attention(nn.Module):
    """Multi-head self-attention over students, whoever they interact with (Vaswani et al., 2017, arXiv:1706.03762).

    Exact up to `EXACT_ATTENTION` students; above, linear attention with the feature map elu + 1 (Katharopoulos et al.,
    2020, https://arxiv.org/abs/2006.16236), whose cost grows with N and not with N².
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} attention heads")
        self.heads = heads
        self.inputs = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, width] to [N, width]."""
        n, width = h.shape
        query, key, value = (
            self.inputs(h).view(n, 3, self.heads, width // self.heads).permute(1, 2, 0, 3)
        )  # [heads, N, d]
        if n <= EXACT_ATTENTION:
            mixed = functional.scaled_dot_product_attention(query[None], key[None], value[None])[0]
        else:
            mixed = linear_attention(query, key, value)
        return self.output(mixed.permute(1, 0, 2).reshape(n, width))


def linear_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention [heads, N, d] with weights proportional to (elu(q) + 1) · (elu(k) + 1)."""
    query, key = functional.elu(query) + 1, functional.elu(key) + 1
    context = key.transpose(1, 2) @ value  # [heads, d, d]
    total = query @ key.sum(1)[..., None]  # [heads, N, 1]
    return (query @ context) / total


class Residual(nn.Module):
    """h + dropout(gelu(block(norm(h)))): the scaffold around every block (Luo et al., 2024, arXiv:2406.08993)."""

    def __init__(self, block: nn.Module, knobs: Knobs) -> None:
        super().__init__()
        self.norm = NORMS[knobs.norm](knobs.width)
        self.block = block
        self.dropout = Dropout(knobs.dropout)
        self.residual = knobs.residual

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, width] to [N, width]."""
        update = self.dropout(functional.gelu(self.block(self.norm(h), graph)))
        return h + update if self.residual else update


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "layer": nn.LayerNorm,
    "batch": nn.BatchNorm1d,
    "none": lambda width: nn.Identity(),
}


class States(nn.Module):
    """Normalize and drop out a student's encoder states, which are many for few labels."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        # weights of its own would only scale those of the layer that follows, and cost a gradient for each input
        self.norm = nn.LayerNorm(size, elementwise_affine=False)
        self.dropout = Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        """[N, H] to [N, H], each entry of order one."""
        return self.dropout(self.norm(states))


def text_scale(view: TrainingView) -> float:
    """What brings normalized states [H], of norm √H, to the norm that features of training students have.

    Hundreds of states would drown tens of features. Where there are no features, entries stay of order one.
    """
    return view.feature_norm / math.sqrt(view.graph.num_states) or 1.0


class Stack(nn.Module):
    """Embed the inputs, run residual blocks, read out: the scaffold that all torch models share."""

    def __init__(self, inputs: int, outputs: int, blocks: Sequence[nn.Module], knobs: Knobs) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, knobs.width)
        self.dropout = Dropout(knobs.dropout)
        self.blocks = nn.ModuleList(Residual(block, knobs) for block in blocks)
        self.head = nn.Sequential(nn.LayerNorm(knobs.width), nn.Linear(knobs.width, outputs))

    def forward(self, inputs: Tensor, graph: StudentGraph) -> Tensor:
        """Inputs [N, inputs] to logits [N, outputs]."""
        h = self.dropout(self.embed(inputs))  # [N, width]
        for block in self.blocks:
            h = block(h, graph)
        return self.head(h)


class Bare(nn.Module):
    """Graph convolutions from the inputs to the outputs, with ReLU and dropout between, as Kipf & Welling have them.

    Two layers are two linear maps, where the scaffold has two more: that costs points where labels are very few.
    """

    def __init__(self, convolutions: Sequence[nn.Module], dropout: float) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)
        self.dropout = Dropout(dropout)

    def forward(self, inputs: Tensor, graph: StudentGraph) -> Tensor:
        """Inputs [N, inputs] to logits [N, outputs]."""
        h = self.convolutions[0](self.dropout(inputs), graph)
        for convolution in self.convolutions[1:]:
            h = convolution(self.dropout(h.relu()), graph)
        return h


def convolutions(
    inputs: int, outputs: int, knobs: ConvolutionKnobs, directed: bool, before: Sequence[nn.Module] = ()
) -> nn.Module:
    """Graph convolutions from inputs [N, inputs] to logits [N, outputs], in the scaffold after other blocks of it.

    Raises ValueError where there is no scaffold for these blocks, or no convolution.
    """
    if knobs.scaffold == "residual":
        sizes = [(knobs.width, knobs.width)] * knobs.layers
    elif knobs.layers and not before:
        sizes = list(pairwise([inputs, *[knobs.width] * (knobs.layers - 1), outputs]))
    else:
        raise ValueError("without a scaffold there are convolutions, one at least, and no other blocks")
    found = [GraphConv(*size, knobs.neighbors, directed, knobs.drop_edge) for size in sizes]
    if knobs.scaffold == "none":
        return Bare(found, knobs.dropout)
    return Stack(inputs, outputs, [*before, *found], knobs)


def tabular_size(graph: StudentGraph, knobs: Knobs) -> int:
    """Columns of `tabular`."""
    return graph.num_features + (graph.num_known if knobs.known_labels else 0)


def tabular(graph: StudentGraph, knobs: Knobs) -> Tensor:
    """What is known of each student besides text: features, and where the knobs say so labels [N, F (+ C)]."""
    if knobs.known_labels and graph.known is not None:
        return torch.cat([graph.x, graph.known], dim=1)
    return graph.x
