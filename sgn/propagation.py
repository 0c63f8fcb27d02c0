"""Labels and errors spread along the interactions, without learning.

Level 0: imports torch and sgn only.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sgn.adjacency import Adjacency
from sgn.graph import StudentGraph
from sgn.task import Task


def propagation(graph: StudentGraph) -> Adjacency:
    """D^-1/2 A D^-1/2 without self-loops; a directed A becomes A + A^T."""
    source, target, weights = graph.either_way
    scale = weights.new_zeros(len(graph)).index_add_(0, target, weights).rsqrt()  # infinite where no edge reads it
    return Adjacency.of(target, source, weights * scale[source] * scale[target], len(graph))


def spread(
    operator: Adjacency, y: Tensor, alpha: float, iterations: int, after: Callable[[Tensor], Tensor] = lambda h: h
) -> Tensor:
    """Iterate h = after(alpha S h + (1 - alpha) y) from h = y [N, C] (Zhou et al., 2004)."""
    h = y
    for _ in range(iterations):
        h = after(alpha * (operator @ h) + (1 - alpha) * y)
    return h


def shares(task: Task, mass: Tensor, otherwise: Tensor | float = 0.0) -> Tensor:
    """Mass [N, C] on classes, or on answers as in `Task.one_hot`, to probabilities [N, K]; `otherwise` without any."""
    if task.kind == "multilabel":
        wanted, no = mass.chunk(2, dim=1)
        total = wanted + no
    else:
        wanted, total = mass[:, 1:] if task.kind == "binary" else mass, mass.sum(1, keepdim=True)
    return torch.where(total > 0, wanted / total, otherwise)


def masses(task: Task, probabilities: Tensor) -> Tensor:
    """Probabilities [N, K] to the mass [N, C] that `shares` makes them of."""
    if task.kind == "multiclass":
        return probabilities
    parts = [probabilities, 1 - probabilities] if task.kind == "multilabel" else [1 - probabilities, probabilities]
    return torch.cat(parts, dim=1)
