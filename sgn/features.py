"""Tabular features of a view: degrees counted in it, and scales fitted on its training students.

Level 0: imports torch and sgn only.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sgn.adjacency import sum_by
from sgn.graph import StudentGraph


def with_degrees(graph: StudentGraph) -> StudentGraph:
    """Add what a practitioner counts first, the student's own degrees in this very graph, as features.

    log(1 + number of partners) and log(1 + total weight), in and out where the graph is directed. Computed
    from the view's own edges, so that a training view never counts a hidden student.
    """
    n = len(graph)
    source, target = graph.edges
    ends = {"in": target, "out": source} if graph.directed else {"": source}
    columns, names = [], []
    for side, end in ends.items():
        prefix = f"{side}-" if side else ""
        columns += [sum_by(end, torch.ones_like(graph.weights), n), sum_by(end, graph.weights, n)]
        names += [f"{prefix}degree", f"{prefix}strength"]
    degrees = torch.stack(columns, dim=1).log1p()
    return replace(graph, x=torch.cat([graph.x, degrees], dim=1), features=(*graph.features, *names))


@dataclass(frozen=True, eq=False)
class Scaler:
    """Centers and scales features by the training students; columns that hold only 0 and 1 stay as they are.

    A column is constant where its spread is below what single precision tells apart; it becomes zero.
    """

    mean: Tensor  # [F]
    scale: Tensor  # [F]

    @classmethod
    def fitted(cls, x: Tensor) -> "Scaler":
        """Fit on training rows x [n, F]."""
        indicator = ((x == 0) | (x == 1)).all(0)
        scale, mean = x.std(0, correction=0), x.mean(0)
        exact = x.double().std(0, correction=0)
        constant = exact <= 1e-7 * x.double().abs().amax(0)
        scale = torch.where(scale < 1e-6, exact.float(), scale)  # the squares of tiny numbers are lost in singles
        mean = torch.where(indicator, 0.0, torch.where(constant, x[0], mean))
        return cls(mean, torch.where(indicator | constant, 1.0, scale))

    def __call__(self, graph: StudentGraph) -> StudentGraph:
        """The graph with scaled features."""
        return replace(graph, x=(graph.x - self.mean) / self.scale)
