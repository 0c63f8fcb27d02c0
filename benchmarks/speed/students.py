"""Students to time models on: random ones of any number, and ones that write."""

from dataclasses import replace

import torch

from benchmarks.datasets import synthetic
from benchmarks.training import weights as pretrained
from sgn.encoder import Reader, Reading, cut, distinct, read_below, read_states, tokenize
from sgn.graph import StudentGraph, TrainingView
from sgn.task import Task


def random_graph(students: int, edges: int, features: int, states: int | None = None) -> StudentGraph:
    """Undirected, with about `edges` entries, each meeting in both directions; states of that size, or none."""
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randint(students, (2, edges // 2), generator=generator)
    pairs = pairs[:, pairs[0] != pairs[1]]
    return StudentGraph(
        x=torch.randn(students, features, generator=generator),
        features=tuple(f"feature {i}" for i in range(features)),
        texts=("",) * students,
        edges=torch.cat([pairs, pairs.flip(0)], 1),
        weights=torch.ones(2 * pairs.shape[1]),
        directed=False,
        states=None if states is None else torch.randn(students, states, generator=generator),
    )


def random_view(graph: StudentGraph) -> TrainingView:
    """Random labels of three in ten students to train on, and of one in ten to validate."""
    n, task = len(graph), Task("binary", ("stays", "drops out"))
    generator = torch.Generator().manual_seed(1)
    order, drawn = torch.randperm(n, generator=generator), torch.randint(2, (n,), generator=generator)
    return _view(graph, drawn, order[: n * 3 // 10], order[n * 3 // 10 : n * 4 // 10], task)


def writing(students: int, weights: str, layers: int, tokens: int, device: str) -> TrainingView:
    """Students of a synthetic network, with the states of a frozen Transformer and its top `layers` to train through.

    What lies below these is read once, as in the workflow.
    """
    view = network(students)
    texts, index = distinct(view.graph.texts)
    model, where = pretrained.load(weights, None), torch.device(device)
    reader, below = cached(model, layers, tokenize(model.tokenizer, texts, tokens), where)
    graph = replace(view.graph, states=read_states(reader, below, where)[index], text_index=index)
    return replace(view, graph=graph, encoder=lambda: (reader, below)).to(where)


def network(students: int) -> TrainingView:
    """Students of a synthetic network, unread: texts, contacts, features, labels."""
    made = synthetic.make(None, ["0"], students=students, text_signal=0.6, train=0.5)
    split, labels = made.splits["0"], torch.from_numpy(made.labels)
    return _view(made.graph, labels, torch.from_numpy(split.train), torch.from_numpy(split.validation), made.task)


def cached(model: pretrained.Pretrained, layers: int, read: Reading, device: torch.device) -> tuple[Reader, Reading]:
    """The top `layers`, and the activations below them."""
    lower, top = cut(model.model, layers)
    out = torch.empty(len(read.flat), model.model.config.hidden_size)
    read_below(lower.to(device), read, out, lambda n: None, device)
    return Reader(top, "mean").to(device), Reading(out, read.bounds)


def uncached(model: pretrained.Pretrained, layers: int, read: Reading, device: torch.device) -> tuple[Reader, Reading]:
    """The whole model, of which the top `layers` alone learn, and the tokens."""
    top = cut(model.model, 0)[1].requires_grad_(False)
    for layer in list(top.encoder.layer)[-layers:]:  # type: ignore[union-attr, arg-type]
        layer.requires_grad_(True)
    return Reader(top, "mean").to(device), read


def _view(
    graph: StudentGraph, labels: torch.Tensor, train: torch.Tensor, validation: torch.Tensor, task: Task
) -> TrainingView:
    shown = torch.full_like(labels, -1)
    shown[train] = labels[train]
    graph = replace(graph, known=task.one_hot(shown))
    seen = shown.clone()
    seen[validation] = labels[validation]
    return TrainingView(graph, seen, train, validation, task)
