"""Changes to a graph that an ablation or a control names: `graph: no_edges`. Each takes a graph and returns another."""

from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.data.edges import both_ways
from sgn.graph import StudentGraph

SEED = 20_261
"""Of what is shuffled: the same in each run, so that runs are paired."""


def no_edges(graph: StudentGraph) -> StudentGraph:
    """Nobody interacts with anybody, and nobody has a degree: what the edges tell as features goes with them."""
    return replace(graph, edges=torch.empty(2, 0, dtype=torch.long), weights=torch.empty(0))


def unweighted(graph: StudentGraph) -> StudentGraph:
    """Every interaction counts the same."""
    return replace(graph, weights=torch.ones_like(graph.weights))


def undirected(graph: StudentGraph) -> StudentGraph:
    """Who pointed to whom is forgotten; nothing changes where nobody asked."""
    if not graph.directed:
        return graph
    edges, weights = both_ways(graph.edges, graph.weights)
    return replace(graph, edges=edges, weights=weights, directed=False)


def rewired(graph: StudentGraph) -> StudentGraph:
    """Everybody interacts as often as before, with somebody drawn by chance: a null graph of the same degrees."""
    source, target = graph.edges if graph.directed else graph.edges[:, graph.edges[0] < graph.edges[1]]
    weights = graph.weights if graph.directed else graph.weights[graph.edges[0] < graph.edges[1]]
    target = _shuffled(source, target)
    if graph.directed:
        return replace(graph, edges=torch.stack([source, target]), weights=weights)
    ends = torch.stack([torch.cat([source, target]), torch.cat([target, source])])
    return replace(graph, edges=ends, weights=torch.cat([weights, weights]))


def shuffled_text(graph: StudentGraph) -> StudentGraph:
    """Each student has another one's text, and with it her states."""
    order = torch.randperm(len(graph), generator=torch.Generator().manual_seed(SEED))
    rows = {name: getattr(graph, name) for name in ("states", "logits", "text_index")}
    moved = {name: tensor[order] for name, tensor in rows.items() if tensor is not None}
    return replace(graph, texts=tuple(graph.texts[i] for i in order.tolist())).with_rows(**moved)


def no_text(graph: StudentGraph) -> StudentGraph:
    """Nobody wrote anything: the states are all the same."""
    blank = {name: torch.zeros_like(t) for name in ("states", "logits") if (t := getattr(graph, name)) is not None}
    return replace(graph, texts=("",) * len(graph)).with_rows(**blank)


def no_features(graph: StudentGraph) -> StudentGraph:
    """Of the tabular features only the student's degrees remain."""
    return replace(graph, x=graph.x[:, :0], features=())


def _shuffled(source: Tensor, target: Tensor) -> Tensor:
    """Targets in another order, in which nobody points to herself where that can be had."""
    generator = torch.Generator().manual_seed(SEED)
    target = target[torch.randperm(len(target), generator=generator)]
    for _ in range(100):
        loops = (source == target).nonzero()[:, 0]
        if not len(loops):
            break
        others = torch.randint(len(target), (len(loops),), generator=generator)
        for a, b in zip(loops.tolist(), others.tolist(), strict=True):
            target[[a, b]] = target[[b, a]]
    return target
