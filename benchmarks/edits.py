"""Changes to a graph that an ablation names: `graph: no_edges`. Each takes a graph and returns another."""

from dataclasses import replace

import torch

from sgn.graph import StudentGraph


def no_edges(graph: StudentGraph) -> StudentGraph:
    """Nobody interacts with anybody."""
    return replace(graph, edges=torch.empty(2, 0, dtype=torch.long), weights=torch.empty(0))
