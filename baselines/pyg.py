"""Any graph convolution of PyTorch Geometric (PyG) in our scaffold: a row by config alone, `set: {conv: GATv2Conv}`.

Fey & Lenssen (2019, https://arxiv.org/abs/1903.02428). A student hears of interactions in either direction, each pair
once; weights go where the convolution takes them, and those that take none are named in docs/adding-a-model.md.
Scaffold and ranges are the GCN's. Level 1: imports sgn and PyG only.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor, nn
from torch_geometric.nn import conv as pyg

from sgn.blocks import GRAPH_SPACE, GraphKnobs, Stack, tabular, tabular_size
from sgn.graph import StudentGraph, TrainingView


@dataclass(frozen=True)
class Config(GraphKnobs):
    """Knobs of a stack of PyG's convolutions; planning holds `conv` against these names."""

    conv: Literal[
        "APPNP", "ARMAConv", "ClusterGCNConv", "EGConv", "FeaStConv", "FiLMConv", "GATConv", "GATv2Conv", "GCN2Conv",
        "GCNConv", "GENConv", "GINConv", "GPSConv", "GeneralConv", "GraphConv", "LEConv", "MFConv", "ResGatedGraphConv",
        "SAGEConv", "SGConv", "SuperGATConv", "TAGConv", "TransformerConv",
    ] = "GATv2Conv"  # fmt: skip
    heads: int = 8  # of attention, side by side


SPACE = {knob: values for knob, values in GRAPH_SPACE.items() if knob != "neighbors"}


class GCNII(nn.Module):
    """Four of PyG's GCN2Conv, each of which sees what the first one saw (Chen et al., 2020, arXiv:2007.02133)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(pyg.GCN2Conv(width, alpha=0.1, theta=0.5, layer=depth) for depth in range(1, 5))

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """[N, width] to [N, width]."""
        h = x
        for conv in self.convs:
            h = conv(h, x, edge_index, edge_weight).relu()
        return h


class PageRank(nn.Module):
    """A linear map, spread by PyG's APPNP (Gasteiger et al., 2019, https://arxiv.org/abs/1810.05997)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear, self.spread = nn.Linear(width, width), pyg.APPNP(K=10, alpha=0.1)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """[N, width] to [N, width]."""
        return self.spread(self.linear(x), edge_index, edge_weight)


def gin(config: Config) -> nn.Module:
    """The sum over neighbors through an MLP, the student's own part in a share that learns (Xu et al., 2019)."""
    width = config.width
    return pyg.GINConv(nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)), train_eps=True)


def gps(config: Config) -> nn.Module:
    """A graph convolution beside attention over everybody (Rampasek et al., 2022); the norm is our scaffold's."""
    return pyg.GPSConv(config.width, pyg.GCNConv(config.width, config.width), config.heads, norm=None)


ADAPTERS: dict[str, Callable[[Config], nn.Module]] = {
    "APPNP": lambda config: PageRank(config.width),
    "GCN2Conv": lambda config: GCNII(config.width),
    "GINConv": gin,
    "GPSConv": gps,
}
"""Of what is not built from (in_channels, out_channels) alone."""


EDGE_DIM = ("edge_dim", "in_edge_channels")
"""How many numbers an edge has, in the words of different convolutions."""


def plain(config: Config) -> nn.Module:
    """A convolution from the width to the width, with an edge's weight as its only attribute where it takes some."""
    made, width = getattr(pyg, config.conv), config.width
    known = inspect.signature(made).parameters
    options = {name: 1 for name in EDGE_DIM if name in known}
    if "concat" not in known:
        return made(width, width, **options)
    if width % config.heads:
        raise ValueError(f"width = {width}, heads = {config.heads}: expected a multiple of the heads as width")
    return made(width, width // config.heads, heads=config.heads, **options)


def weights_as(name: str) -> str | None:
    """The argument in which a convolution takes the interactions' weights; None where it ignores them."""
    conv = getattr(pyg, name)
    if "edge_weight" in inspect.signature(conv.forward).parameters or conv is pyg.GPSConv:  # which hands them on
        return "edge_weight"
    return "edge_attr" if {*EDGE_DIM} & {*inspect.signature(conv).parameters} else None


class Convolution(nn.Module):
    """One of PyG's convolutions as a block of the scaffold; raises ValueError for a name that is none of them."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        names = get_args(Config.__annotations__["conv"])
        if config.conv not in names:
            raise ValueError(f"conv = {config.conv!r}; expected one of {', '.join(names)}")
        self.conv = ADAPTERS.get(config.conv, plain)(config)
        self.weights_as = weights_as(config.conv)

    def forward(self, h: Tensor, graph: StudentGraph) -> Tensor:
        """[N, width] to [N, width]."""
        edges, weights = graph.interactions.edges
        if self.weights_as == "edge_attr":
            weights = weights.log1p()[:, None]  # counts of hundreds would leave attention to one neighbor
        return self.conv(h, edges, **({self.weights_as: weights} if self.weights_as else {}))


class PyG(nn.Module):
    """PyG's convolutions over tabular features."""

    def __init__(self, config: Config, view: TrainingView) -> None:
        super().__init__()
        self.config = config
        blocks = [Convolution(config) for _ in range(config.layers)]
        self.stack = Stack(tabular_size(view.graph, config), view.num_outputs, blocks, config)

    def forward(self, graph: StudentGraph) -> Tensor:
        """Logits [N, K]."""
        return self.stack(tabular(graph, self.config), graph)


build = PyG
