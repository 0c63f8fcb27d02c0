"""A student's inputs beside the averages over her neighbors: what a model without convolutions may know of the graph.

Level 0: imports torch, scipy and sgn only.
"""

from scipy import sparse

from sgn.adjacency import Adjacency
from sgn.graph import StudentGraph


def with_neighbors(graph: StudentGraph, x: sparse.csr_array) -> sparse.csr_array:
    """Rows x [N, d] beside their weighted means over neighbors: [N, 3d] when directed (in and out apart), else [N, 2d].

    Each mean is a block of its own, so that a model may weigh a student and her neighbors differently.
    """
    sides = (graph.incoming, graph.outgoing) if graph.directed else (graph.incoming,)
    return sparse.hstack([x, *(_scipy(side) @ x for side in sides)], format="csr")


def _scipy(adjacency: Adjacency) -> sparse.csr_array:
    matrix = adjacency.matrix.cpu()
    parts = (matrix.values().numpy(), matrix.col_indices().numpy(), matrix.crow_indices().numpy())
    return sparse.csr_array(parts, shape=tuple(matrix.shape))
