"""Propagation: our CSR product against PyG's GCNConv with a cached normalization, forward and backward.

Bytes are those that must be moved: the matrix once, each row of the input read and of the output written once. What
does not fit in the cache is read again for each edge, so a share of the bandwidth below one is no waste by itself.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.speed import peaks
from benchmarks.speed.clock import Case, Group, whole
from benchmarks.speed.names import BOTH_WAYS, OURS, PYG
from benchmarks.speed.students import random_graph
from sgn.blocks import GraphConv


def groups(students: int, edges: int, width: int) -> list[Group]:
    """A convolution forward, forward and backward, and the product alone; `edges` counts both directions."""
    sizes = {"students": students, "edges": edges, "width": width}
    return [Group(kind, sizes | {"kind": kind}, students) for kind in ("forward", BOTH_WAYS, "product")]


def cases(device: str, kind: str, students: int, edges: int, width: int) -> list[Case]:
    """On a random graph with random features."""
    from torch_geometric.nn import GCNConv

    graph = random_graph(students, edges, 1).to(device)
    adjacency, h = graph.symmetric, torch.randn(students, width, device=device)
    entries = adjacency.matrix.values().numel()
    costs: dict[str, Any] = {"items": entries, "unit": "edge", "flops": 2 * entries * width}
    costs["moved"] = entries * (8 + 4) + (students + 1) * 8 + 2 * students * width * 4  # CSR with int64 indices
    if kind == "product":
        return [Case(OURS, whole(lambda: adjacency @ h), **costs), peaks.copy(device)]
    ours = GraphConv(width, width, "symmetric", directed=False).to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        theirs = GCNConv(width, width, cached=True).to(device)
    with torch.no_grad():
        theirs.lin.weight.copy_(ours.linear.weight)
        theirs.bias.copy_(ours.linear.bias)
    ways: dict[str, tuple[nn.Module, Callable[[Tensor], Tensor]]] = {
        OURS: (ours, lambda h: ours(h, graph)),
        PYG: (theirs, lambda h: theirs(h, graph.edges, graph.weights)),
    }
    return [Case(way, whole(_work(kind, module, call, h)), **costs) for way, (module, call) in ways.items()]


def _work(kind: str, module: nn.Module, call: Callable[[Tensor], Tensor], h: Tensor) -> Callable[[], Tensor]:
    if kind == "forward":
        return torch.no_grad()(lambda: call(h))
    own = h.clone().requires_grad_()

    def both() -> Tensor:
        module.zero_grad()
        own.grad = None
        out = call(own)
        out.sum().backward()
        return out

    return both
