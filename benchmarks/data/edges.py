"""Edges as people export them, made simple: nobody with herself, and one edge for each two students and direction.

Level 2.
"""

from dataclasses import replace

import torch
from torch import Tensor

from sgn.graph import StudentGraph


def merged(edges: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Edges [2, E] and weights [E] with those of the same ends made one, whose weights add up; sorted."""
    ends, place = edges.unique(dim=1, return_inverse=True)
    sums = torch.zeros(ends.shape[1], dtype=torch.double).index_add_(0, place, weights.double())
    return ends, sums.to(weights.dtype)  # in whatever order they were added, so that both directions are equal


def both_ways(edges: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Edges [2, E] and weights [E] of an undirected graph, given once each in whatever direction, in both: [2, 2E]."""
    return merged(torch.cat([edges, edges.flip(0)], dim=1), torch.cat([weights, weights]))


def simple(graph: StudentGraph) -> tuple[StudentGraph, list[str]]:
    """The graph without loops and with repeated edges made one, and a sentence for the data card on each such change.

    A loop would count as a partner, and twice where directed; a repeated edge as so many partners.
    """
    said, edges, weights = [], graph.edges, graph.weights
    apart = edges[0] != edges[1]
    each = "" if graph.directed else ", each direction counted"
    if loops := int((~apart).sum()):
        said.append(f"{loops} edges of students with themselves are left out.")
        edges, weights = edges[:, apart], weights[apart]
    alone = edges.unique(dim=1).shape[1]
    if repeated := edges.shape[1] - alone:
        said.append(f"{repeated} repeated edges{each} are made one with the first, and their weights add up.")
        edges, weights = merged(edges, weights)
    return (replace(graph, edges=edges, weights=weights) if said else graph), said
