"""Baselines against PyTorch Geometric's layers, dense arithmetic, scikit-learn's and LightGBM's own predictions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import random_graph
from test_models import fitted, view_of

from baselines import graphsage, label_propagation, logistic, trees
from benchmarks.training.runs import fit_of
from sgn.errors import NotApplicableError
from sgn.fit import EarlyStopping
from sgn.graph import StudentGraph, TrainingView
from sgn.neighbors import with_neighbors
from sgn.task import Task

GRAPHS = pytest.mark.parametrize("directed", [True, False])


def both_ways(graph: StudentGraph) -> tuple[torch.Tensor, torch.Tensor]:
    """Edges [2, E] and weights [E] of A, or of A + A^T, each pair once a direction."""
    a = torch.zeros(len(graph), len(graph))
    a[graph.edges[0], graph.edges[1]] = graph.weights
    a = a + a.T if graph.directed else a
    return a.nonzero().T, a[a > 0]


def some_known(directed: bool) -> TrainingView:
    """A view of a random graph in which students 0 to 19 train and 20 to 24 validate."""
    task, graph, train = Task("multiclass", ("a", "b", "c")), random_graph(directed=directed), torch.arange(20)
    labels = torch.randint(3, (40,), generator=torch.Generator().manual_seed(3))
    graph = replace(graph, known=task.one_hot(torch.where(torch.arange(40) < 20, labels, -1)))
    labels[25:] = -1
    return TrainingView(graph, labels, train, torch.arange(20, 25), task)


@GRAPHS
def test_graphsage_equals_pyg(directed: bool) -> None:
    from torch_geometric.nn import SAGEConv

    graph = random_graph(directed=directed)
    edges, _ = both_ways(graph)
    graph = replace(graph, edges=edges, weights=torch.ones(edges.shape[1]), directed=False)  # PyG's knows no weights
    ours, theirs = graphsage.SAGEConv(5), SAGEConv(5, 5, aggr="mean")
    theirs.lin_l.load_state_dict(ours.neighbors.state_dict())
    theirs.lin_r.load_state_dict(ours.own.state_dict())
    assert torch.allclose(ours(graph.x, graph), theirs(graph.x, graph.edges), atol=1e-5)


@GRAPHS
def test_neighborhood_is_a_weighted_mean(directed: bool) -> None:
    graph = random_graph(directed=directed)
    edges, weights = both_ways(graph)
    a = torch.zeros(40, 40).index_put((edges[1], edges[0]), weights)
    expected = a / a.sum(1, keepdim=True).clamp(min=1e-12)
    assert torch.allclose(graph.neighborhood.matrix.to_dense(), expected, atol=1e-6)
    assert expected[-1].sum() == 0, "the last student is isolated"


@GRAPHS
def test_linkx_reads_who_interacts_and_not_how_strongly(directed: bool) -> None:
    view = some_known(directed)
    told = fitted("baselines.linkx", view)
    edges, weights = both_ways(view.graph)
    alike = replace(view.graph, edges=edges, weights=torch.ones_like(weights), directed=False)
    assert torch.allclose(fitted("baselines.linkx", replace(view, graph=alike)), told, atol=1e-5)
    lonely = replace(alike, edges=edges[:, :0], weights=weights[:0])
    assert not torch.allclose(fitted("baselines.linkx", replace(view, graph=lonely)), told, atol=1e-2)


def test_linkx_does_not_apply_where_students_are_hidden() -> None:
    view, _, _ = view_of("binary")
    with pytest.raises(NotApplicableError, match="hides students"):
        fitted("baselines.linkx", replace(view, graph=replace(view.graph, known=None)))


@GRAPHS
def test_label_propagation_spreads_along_weights_in_either_direction(directed: bool) -> None:
    view = some_known(directed)
    graph = view.graph
    edges, weights = both_ways(graph)
    a = torch.zeros(40, 40).index_put((edges[0], edges[1]), weights)
    scale = a.sum(1).rsqrt().nan_to_num(posinf=0.0)
    h = graph.known
    for _ in range(10):
        h = (0.8 * (scale[:, None] * a * scale) @ h + 0.2 * graph.known).clamp(0, 1)
    expected = h / h.sum(1, keepdim=True)
    expected[expected.isnan().any(1)] = graph.known.sum(0) / 20  # nobody's label reaches the isolated student
    assert expected[-1].tolist() == pytest.approx((graph.known.sum(0) / 20).tolist())
    config = label_propagation.Config(alpha=0.8, iterations=10)
    ours = label_propagation.fit(config, view, 0, EarlyStopping(9, 9))(graph)
    assert torch.allclose(ours, expected, atol=1e-5)


def test_correct_and_smooth_is_its_mlp_where_nothing_is_spread() -> None:
    view, test, _ = view_of("binary")
    off = {"correct": 0.0, "smooth": 0.0}
    hidden = replace(view, graph=replace(view.graph, known=None))
    name = "baselines.correct_and_smooth"
    mlp = fitted("baselines.mlp", view)
    assert torch.equal(fitted(name, hidden), mlp)
    assert torch.allclose(fitted(name, view, **off)[test], mlp[test], atol=1e-6)
    assert not torch.allclose(fitted(name, view)[test], mlp[test], atol=1e-2)


def test_label_propagation_does_not_apply_where_students_are_hidden() -> None:
    view, _, _ = view_of("multiclass")
    hidden = replace(view, graph=replace(view.graph, known=None))
    with pytest.raises(NotApplicableError, match="hides students"):
        fitted("baselines.label_propagation", hidden)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_masses_are_what_shares_are_made_of(kind: str) -> None:
    task = Task(kind, ("a", "b"))
    p = torch.rand(6, task.num_outputs)
    p = p / p.sum(1, keepdim=True) if kind == "multiclass" else p
    assert torch.allclose(task.shares(3 * task.masses(p)), p)
    assert torch.equal(task.shares(torch.zeros_like(task.masses(p)), 0.25), torch.full_like(p, 0.25))
    answers = torch.tensor([[1, 0]]) if kind == "multilabel" else torch.tensor([1])
    assert task.shares(task.one_hot(answers)).tolist() == {"binary": [[1]], "multiclass": [[0, 1]]}.get(kind, [[1, 0]])


@GRAPHS
def test_neighbors_stand_in_blocks_of_their_own(directed: bool) -> None:
    from scipy import sparse

    graph = random_graph(directed=directed)
    sides = [graph.incoming, graph.outgoing] if directed else [graph.incoming]
    expected = torch.cat([graph.x, *(side @ graph.x for side in sides)], dim=1)
    ours = with_neighbors(graph, sparse.csr_array(graph.x.numpy())).toarray()
    assert np.allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("neighbors", [False, True])
def test_logistic_reads_no_words_but_training_students(neighbors: bool) -> None:
    view, _, _ = view_of("binary")
    elsewhere = set(range(240)) - set(view.train.tolist())
    renamed = tuple(f"{t} unseen unseen" if i in elsewhere else t for i, t in enumerate(view.graph.texts))
    other = replace(view, graph=replace(view.graph, texts=renamed))
    changes = {"neighbors": neighbors}
    assert torch.equal(fitted("baselines.logistic", view, **changes), fitted("baselines.logistic", other, **changes))


def test_logistic_without_text_is_a_regression_on_features() -> None:
    from sklearn.linear_model import LogisticRegression

    view, _, _ = view_of("multiclass")
    bare = replace(view, graph=replace(view.graph, texts=("",) * 240))
    x = view.graph.x.numpy() / np.sqrt(view.graph.num_features)
    model = LogisticRegression(C=1 / logistic.Config().l2).fit(x[view.train], view.labels[view.train])
    assert np.allclose(fitted("baselines.logistic", bare), model.predict_proba(x), atol=1e-3)


@pytest.mark.parametrize("name", ["baselines.logistic", "baselines.trees"])
def test_neighbors_and_states_help(name: str) -> None:
    view, test, labels = view_of("multiclass")
    noise = 2 * torch.randn(view.graph.x.shape, generator=torch.Generator().manual_seed(4))
    blind = replace(view, graph=replace(view.graph, texts=("",) * 240, x=view.graph.x + noise))
    changes = [{}, {"neighbors": True}] + ([{"neighbors": True, "states": True}] if name == "baselines.trees" else [])
    scores = [view.task.score(fitted(name, blind, **c)[test], labels[test]) for c in changes]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 0.05


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_trees_predict_from_the_round_that_validated_best(kind: str) -> None:
    view, _, _ = view_of(kind)
    report = EarlyStopping(60, 20)
    predict = fit_of(trees)(trees.Config(students=5, lr=0.3), view, 0, report)
    assert report.best_epoch < 60
    found = view.task.score(predict(view.graph)[view.validation], view.labels[view.validation])
    assert found == pytest.approx(report.best_score, abs=1e-9)


def test_trees_that_cannot_split_end_at_the_class_shares() -> None:
    view, _, _ = view_of("binary")
    scores = fitted("baselines.trees", view, students=10_000)
    share = view.labels[view.train].float().mean().item()
    assert scores.flatten().tolist() == pytest.approx([share] * 240, abs=1e-3)


@pytest.mark.parametrize(("name", "changes"), [("trees", {"states": True}), ("states_mlp", {})])
def test_a_baseline_that_needs_states_says_so(name: str, changes: dict) -> None:
    view, _, _ = view_of("binary")
    with pytest.raises(ValueError, match="give the model a recipe"):
        fitted(f"baselines.{name}", replace(view, graph=replace(view.graph, states=None)), **changes)
