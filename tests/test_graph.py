"""The student graph against dense arithmetic and against PyTorch Geometric."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import learnable, random_graph

from benchmarks.data.edges import both_ways, simple
from benchmarks.data.storage import Known
from sgn import blocks
from sgn.blocks import Attention, ConvolutionKnobs, FeedForward, GraphConv, convolutions, linear_attention
from sgn.features import Scaler, with_degrees
from sgn.graph import StudentGraph, TrainingView, moved
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
    conv, ours = GCNConv(5, 5), GraphConv(5, 5, "symmetric", directed=False)
    conv.lin.weight = ours.linear.weight
    conv.bias = ours.linear.bias
    theirs = conv(graph.x, graph.edges, graph.weights)
    assert torch.allclose(ours(graph.x, graph), theirs, atol=1e-5)


def test_separate_blocks_are_a_linear_map_of_a_student_and_either_mean_of_neighbors() -> None:
    graph = random_graph()
    conv, a = GraphConv(5, 4, "separate", directed=True), dense(graph)
    means = [side / side.sum(1, keepdim=True).clamp_min(1e-12) for side in (a.T, a)]  # who points to her, and she to
    own, pointing, pointed = conv.linear.weight.split(5, dim=1)
    h = graph.x
    expected = h @ own.T + means[0] @ h @ pointing.T + means[1] @ h @ pointed.T + conv.linear.bias
    assert torch.allclose(conv(h, graph), expected, atol=1e-5)
    both = random_graph(directed=False)
    conv, a = GraphConv(5, 4, "separate", directed=False), dense(both)
    own, around = conv.linear.weight.split(5, dim=1)
    expected = both.x @ own.T + a / a.sum(1, keepdim=True).clamp_min(1e-12) @ both.x @ around.T + conv.linear.bias
    assert torch.allclose(conv(both.x, both), expected, atol=1e-5)


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
    knobs = ConvolutionKnobs(width=8, neighbors=neighbors, dropout=0.0)
    stack = convolutions(5, 3, knobs, graph.directed)
    order = torch.randperm(len(graph), generator=torch.Generator().manual_seed(1))
    moved = graph.subgraph(order)
    assert torch.allclose(stack(graph.x, graph)[order], stack(moved.x, moved), atol=1e-5)


def test_without_a_scaffold_two_layers_are_two_convolutions() -> None:
    graph = random_graph()
    bare = convolutions(5, 3, ConvolutionKnobs(width=8, scaffold="none"), graph.directed).eval()
    first, second = (convolution.linear for convolution in bare.convolutions)
    adjacency = graph.symmetric.matrix.to_dense()
    expected = second(adjacency @ first(adjacency @ graph.x).relu())
    torch.testing.assert_close(bare(graph.x, graph), expected, rtol=1e-4, atol=1e-5)
    assert len(convolutions(5, 3, ConvolutionKnobs(layers=1, scaffold="none"), False).convolutions) == 1
    for layers, before in ((0, ()), (2, [FeedForward(8)])):
        with pytest.raises(ValueError, match="without a scaffold there are convolutions, one at least"):
            convolutions(5, 3, ConvolutionKnobs(layers=layers, scaffold="none"), False, before)


@pytest.mark.parametrize("neighbors", ["symmetric", "separate"])
def test_isolated_student_gets_the_path_of_the_mlp(neighbors: str) -> None:
    graph = random_graph()
    conv, feed = GraphConv(5, 5, neighbors, directed=True), FeedForward(5)
    with torch.no_grad():
        feed.linear.weight.copy_(conv.linear.weight[:, :5])  # of the student herself: her block stands first
        feed.linear.bias.copy_(conv.linear.bias)
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
        ({"x": torch.full((40, 5), float("nan"))}, "feature 'a' of student 0 is nan"),
        ({"x": torch.eye(40, 5) * 3e38}, "feature 'a' of student 0 is 3e"),
        ({"x": torch.zeros(40, 5).bool()}, r"x is torch.bool: make it single precision, x.float()"),
        ({"weights": torch.ones(3).double()}, "weights is torch.float64: make it single precision"),
        ({"directed": False}, "an undirected graph holds each edge in both directions"),
        (
            {"edges": torch.tensor([[0, 0, 1], [1, 1, 0]]), "weights": torch.ones(3), "directed": False},
            "0 -> 1 has no counterpart",
        ),
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


@pytest.mark.parametrize("name", ["symmetric", "incoming"])
def test_thinned_keeps_loops_and_the_mean(name: str) -> None:
    adjacency = getattr(random_graph(), name)
    whole = adjacency.matrix.to_dense()
    torch.manual_seed(0)
    draws = [adjacency.thinned(0.4) for _ in range(400)]
    for one in draws[:5]:
        assert torch.equal(one.matrix.to_dense().T, one.transpose.to_dense()), "the gradient sees the same edges"
        assert torch.equal(one.matrix.to_dense().diag(), whole.diag())
    kept = (
        torch.stack([one.matrix.to_dense() > 0 for one in draws]).float().mean(0)[(whole > 0) & ~torch.eye(40).bool()]
    )
    assert (kept - 0.6).abs().max() < 0.15  # six standard deviations of 400 draws
    mean = torch.stack([one.matrix.to_dense() for one in draws]).mean(0)
    assert torch.allclose(mean, whole, atol=0.15 * float(whole.max()))


def test_edges_are_dropped_in_training_only() -> None:
    graph, conv = random_graph(), GraphConv(5, 5, "symmetric", directed=True, drop_edge=0.9)
    assert not torch.equal(conv(graph.x, graph), conv(graph.x, graph))
    conv.eval()
    assert torch.equal(conv(graph.x, graph), conv(graph.x, graph))


def test_attention_equals_torchs_own() -> None:
    graph, ours = random_graph(), Attention(8, 2)
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.inputs.weight)
        theirs.in_proj_bias.copy_(ours.inputs.bias)
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    h = torch.randn(40, 8)
    assert torch.allclose(ours(h, graph), theirs(h, h, h)[0], atol=1e-6)


@pytest.mark.parametrize("students", [5_000, 5_001])
def test_attention_is_exact_up_to_5000_students(students: int) -> None:
    torch.manual_seed(0)
    attention, h = Attention(4, 1), torch.randn(students, 4)
    query, key, value = attention.inputs(h).view(1, students, 3, 4).unbind(2)
    exact = (query @ key.transpose(1, 2) / 2).softmax(2) @ value
    mixed = exact if students == 5_000 else linear_attention(query, key, value)
    assert torch.allclose(attention(h, random_graph()), attention.output(mixed[0]), atol=1e-5)
    assert not torch.allclose(exact, linear_attention(query, key, value), atol=1e-2)


def test_linear_attention_is_a_weighted_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value = torch.randn(3, 2, 40, 4)
    kernel = lambda x: torch.nn.functional.elu(x) + 1  # noqa: E731
    pairs = kernel(query) @ kernel(key).transpose(1, 2)
    expected = pairs / pairs.sum(2, keepdim=True) @ value
    assert torch.allclose(linear_attention(query, key, value), expected, atol=1e-5)
    monkeypatch.setattr(blocks, "EXACT_ATTENTION", 10)
    attention, h = Attention(8, 2), torch.randn(40, 8)
    order = torch.randperm(40)
    assert torch.allclose(attention(h, random_graph())[order], attention(h[order], random_graph()), atol=1e-5)


def test_other_rows_share_what_either_graph_computes() -> None:
    graph = replace(random_graph(), known=torch.ones(40, 2))
    adjacency = graph.symmetric
    shown = graph.without_labels(torch.tensor([3, 4]))
    assert shown.symmetric is adjacency
    assert graph.incoming is shown.with_rows(known=graph.known).incoming
    assert shown.outgoing is graph.outgoing
    assert replace(graph, weights=2 * graph.weights).symmetric is not adjacency
    assert shown.known.sum(1).tolist() == [0.0 if i in (3, 4) else 2.0 for i in range(40)]
    assert graph.known.sum() == 80
    with pytest.raises(ValueError, match="no known labels"):
        random_graph().without_labels(torch.tensor([0]))


def test_what_goes_to_a_gpu_goes_from_pinned_memory_without_blocking(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned, asked = torch.ones(3), []

    def to(tensor: torch.Tensor, *where: Any, **how: Any) -> torch.Tensor:
        asked.append((tensor is pinned, where, how))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda _: pinned)
    monkeypatch.setattr(torch.Tensor, "to", to)
    for device in map(torch.device, ("cuda", "cpu")):
        moved(torch.zeros(3), device)
    assert asked == [(True, (torch.device("cuda"),), {"non_blocking": True}), (False, (torch.device("cpu"),), {})]


def test_an_undirected_graph_has_one_weight_for_both_directions() -> None:
    graph = random_graph(directed=False)
    weights = graph.weights.clone()
    weights[3] *= 2
    a, b = graph.edges[:, 3].tolist()
    with pytest.raises(ValueError, match=rf"({a} -> {b}|{b} -> {a}) has no counterpart.*if each edge is given once"):
        replace(graph, weights=weights)
    generator = torch.Generator().manual_seed(0)
    often = torch.randint(40, (2, 15_000), generator=generator), torch.rand(15_000, generator=generator)
    edges, weights = both_ways(*often)
    replace(graph, edges=edges, weights=weights)  # sums of ten weights, equal to the last bit
    once = graph.edges[0] < graph.edges[1]
    edges, weights = both_ways(graph.edges[:, once], graph.weights[once])
    mended = replace(graph, edges=edges, weights=weights)
    assert torch.equal(mended.symmetric.matrix.to_dense(), graph.symmetric.matrix.to_dense())


@pytest.mark.parametrize("directed", [True, False])
def test_to_pyg_and_back(directed: bool) -> None:
    graph = random_graph(directed=directed).with_rows(states=torch.randn(40, 3), text_index=torch.arange(40))
    data = graph.to_pyg()
    assert data.validate()
    assert (data.num_nodes, data.num_node_features, data.is_directed()) == (40, 5, directed)
    assert torch.equal(data.edge_index, graph.edges)
    assert torch.equal(data.edge_weight, graph.weights)
    again = StudentGraph.from_pyg(data)
    for f in fields(graph):
        there, back = getattr(graph, f.name), getattr(again, f.name)
        assert torch.equal(there, back) if isinstance(there, torch.Tensor) else there == back, f.name


def test_anybodys_pyg_graph() -> None:
    from torch_geometric.data import Data

    edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    graph = StudentGraph.from_pyg(Data(x=torch.tensor([[0, 1], [1, 0], [1, 1]]), edge_index=edges, y=torch.ones(3)))
    assert graph.x.tolist() == [[0, 1], [1, 0], [1, 1]]
    assert (graph.features, graph.texts, graph.directed) == (("feature 0", "feature 1"), ("", "", ""), False)
    assert graph.weights.tolist() == [1] * 4
    weighted = Data(x=graph.x, edge_index=edges, edge_weight=torch.tensor([1.0, 2, 1, 1]))
    assert StudentGraph.from_pyg(weighted).directed, "0 tells 1 less than 1 tells 0"
    with pytest.raises(ValueError, match=r"data\.x is missing"):
        StudentGraph.from_pyg(Data(edge_index=edges, num_nodes=3))


@pytest.mark.parametrize("directed", [True, False])
def test_interactions_are_there_once_a_direction(directed: bool) -> None:
    graph = random_graph(directed=directed)
    a = dense(graph)
    edges, weights = graph.interactions.edges
    found = torch.zeros_like(a).index_put((edges[0], edges[1]), weights)
    assert torch.equal(found, a + a.T if directed else a)
    assert edges.shape[1] == len(edges.unique(dim=1).T)


@pytest.mark.parametrize("directed", [True, False])
def test_loops_and_repeated_edges_are_mended_and_said(directed: bool) -> None:
    graph = random_graph(directed=directed)
    extra = torch.cat([torch.tensor([[7], [7]]), graph.edges], dim=1)
    weights = torch.cat([torch.ones(1), graph.weights])
    changed = replace(graph, edges=torch.cat([extra, graph.edges], 1), weights=torch.cat([weights, graph.weights]))
    mended, said = simple(changed)
    doubled = replace(graph, weights=graph.weights * 2)
    assert torch.allclose(with_degrees(mended).x, with_degrees(doubled).x), "partners are counted once"
    assert torch.allclose(mended.symmetric.matrix.to_dense(), doubled.symmetric.matrix.to_dense())
    assert [line.split()[0] for line in said] == ["1", str(graph.edges.shape[1])]
    assert simple(graph) == (graph, [])


@pytest.mark.parametrize("factor", [1e-30, 1e-8, 1.0, 1e8])
def test_a_column_is_scaled_whatever_its_unit(factor: float) -> None:
    column = torch.randn(50, 1, generator=torch.Generator().manual_seed(0)) * 3
    graph = StudentGraph(
        column * factor, ("a",), ("",) * 50, torch.empty(2, 0, dtype=torch.long), torch.empty(0), directed=True
    )
    scaled = Scaler.fitted(graph.x)(graph).x
    assert torch.allclose(scaled, (column - column.mean()) / column.std(correction=0), atol=1e-5)


@pytest.mark.parametrize("value", [0.1, 1e-9, 123456.7, 1e12])
def test_a_constant_column_becomes_zero(value: float) -> None:
    x = torch.full((999, 1), value)
    graph = StudentGraph(x, ("a",), ("",) * 999, torch.empty(2, 0, dtype=torch.long), torch.empty(0), directed=True)
    assert not Scaler.fitted(x)(graph).x.any()
