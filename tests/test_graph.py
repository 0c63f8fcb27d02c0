"""The student graph against dense arithmetic and against PyTorch Geometric."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import learnable, random_graph

from benchmarks.storage import Known
from sgn.blocks import FeedForward, GraphConv, Stack
from sgn.graph import Scaler, StudentGraph, TrainingView, with_degrees
from sgn.task import Task


def dense(graph: StudentGraph) -> torch.Tensor:
    """Weights [N, N], row points to column."""
    a = torch.zeros(len(graph), len(graph))
    a[graph.edges[0], graph.edges[1]] = graph.weights
    return a


@pytest.mark.parametrize("directed", [True, False])
def test_symmetric_is_kipf_and_welling(directed: bool) -> None:
    graph = random_graph(directed=directed)
    a = dense(graph)
    a = (a + a.T if directed else a) + torch.eye(len(graph))
    scale = torch.diag(a.sum(1).rsqrt())
    assert torch.allclose(graph.symmetric.matrix.to_dense(), scale @ a @ scale, atol=1e-6)


def test_symmetric_equals_pyg() -> None:
    from torch_geometric.nn import GCNConv

    graph = random_graph(directed=False)
    conv, ours = GCNConv(5, 5), GraphConv(5, "symmetric")
    conv.lin.weight = ours.linear.weight
    conv.bias = ours.linear.bias
    theirs = conv(graph.x, graph.edges, graph.weights)
    assert torch.allclose(ours(graph.x, graph), theirs, atol=1e-5)


def test_incoming_and_outgoing_are_weighted_means() -> None:
    graph = random_graph()
    for operator, a in ((graph.outgoing, dense(graph)), (graph.incoming, dense(graph).T)):
        expected = a / a.sum(1, keepdim=True).clamp_min(1e-12)
        assert torch.allclose(operator.matrix.to_dense(), expected, atol=1e-6)
    assert not torch.allclose(graph.incoming.matrix.to_dense(), graph.outgoing.matrix.to_dense())


@pytest.mark.parametrize("name", ["symmetric", "incoming", "outgoing"])
def test_gradient_equals_dense(name: str) -> None:
    operator = getattr(random_graph(), name)
    h = torch.randn(40, 3, dtype=torch.float32, requires_grad=True)
    g = h.detach().clone().requires_grad_()
    target = torch.randn(40, 3)
    ((operator @ h) * target).sum().backward()
    ((operator.matrix.to_dense() @ g) * target).sum().backward()
    assert torch.allclose(h.grad, g.grad, atol=1e-6)


@pytest.mark.parametrize("neighbors", ["symmetric", "separate"])
def test_permuting_students_permutes_the_output(neighbors: str) -> None:
    graph = random_graph()
    stack = Stack(5, 8, 3, 0.0, [GraphConv(8, neighbors), GraphConv(8, neighbors)])
    order = torch.randperm(len(graph), generator=torch.Generator().manual_seed(1))
    moved = graph.subgraph(order)
    assert torch.allclose(stack(graph.x, graph)[order], stack(moved.x, moved), atol=1e-5)


def test_isolated_student_gets_the_path_of_the_mlp() -> None:
    graph = random_graph()
    conv, feed = GraphConv(5, "symmetric"), FeedForward(5)
    feed.linear = conv.linear
    assert torch.allclose(conv(graph.x, graph)[-1], feed(graph.x, graph)[-1], atol=1e-6)
    assert not torch.allclose(conv(graph.x, graph)[0], feed(graph.x, graph)[0], atol=1e-3)


def test_subgraph_keeps_edges_between_its_students() -> None:
    graph = random_graph()
    keep = torch.tensor([3, 1, 7, 20, 11, 5])
    part = graph.subgraph(keep)
    assert torch.equal(dense(part), dense(graph)[keep][:, keep])
    assert part.texts == tuple(graph.texts[i] for i in keep.tolist())


def test_degrees_count_the_views_own_edges() -> None:
    graph = random_graph()
    a = dense(graph)
    x = with_degrees(graph).x[:, 5:].expm1()
    expected = torch.stack([(a > 0).sum(0), a.sum(0), (a > 0).sum(1), a.sum(1)], 1)
    assert torch.allclose(x, expected, atol=1e-4)
    fewer = graph.subgraph(torch.arange(20))
    assert (with_degrees(fewer).x[:, 5:] <= with_degrees(graph).x[:20, 5:] + 1e-6).all()


def test_scaler_is_fitted_on_training_rows_and_leaves_indicators() -> None:
    graph = random_graph()
    x = graph.x.clone()
    x[:, 0] = (x[:, 0] > 0).float()
    graph = replace(graph, x=x)
    train = torch.arange(10)
    scaled = Scaler.fitted(x[train])(graph).x
    assert torch.allclose(scaled[train, 1:].mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(scaled[train, 1:].std(0, correction=0), torch.ones(4), atol=1e-5)
    assert torch.equal(scaled[:, 0], x[:, 0])
    other = replace(graph, x=torch.cat([x[:10], x[10:] * 100]))
    assert torch.equal(Scaler.fitted(other.x[train])(other).x[train], scaled[train])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.full((40, 5), float("nan"))}, "not a finite number"),
        ({"weights": torch.zeros(3)}, "weights"),
        ({"edges": torch.tensor([[0], [99]]), "weights": torch.ones(1)}, "points outside"),
        ({"edges": torch.tensor([[0], [1]]), "weights": torch.tensor([float("nan")])}, "edge weight"),
        ({"texts": ("one",)}, "texts"),
        ({"states": torch.ones(3, 2)}, "states"),
    ],
)
def test_wrong_graph_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(random_graph(), **change)


def test_view_refuses_a_label_from_outside() -> None:
    graph, task = random_graph(), Task("binary", ("no", "yes"))
    labels = torch.full((40,), -1)
    labels[:4] = torch.tensor([0, 1, 0, 1])
    TrainingView(graph, labels, torch.tensor([0, 1]), torch.tensor([2, 3]), task)
    labels[9] = 1
    with pytest.raises(ValueError, match="outside training and validation"):
        TrainingView(graph, labels, torch.tensor([0, 1]), torch.tensor([2, 3]), task)


def test_inductive_view_holds_no_hidden_student() -> None:
    dataset = learnable()
    hidden = torch.arange(100, 240)
    labels = torch.full((240,), -1)
    labels[:60] = torch.from_numpy(np.asarray(dataset.labels[:60]))
    known = Known("0", torch.arange(40), torch.arange(40, 60), torch.arange(100, 120), hidden, labels)
    view = known.view(dataset.graph, dataset.task)
    assert len(view.graph) == 100
    assert torch.equal(view.graph.x, dataset.graph.x[:100])
    assert torch.equal(view.labels[view.train], labels[:40])
    assert torch.equal(dense(view.graph), dense(dataset.graph)[:100, :100])
