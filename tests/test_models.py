"""One contract for every model file: shapes, determinism, learning, label access, chance on permuted labels."""

import math
from dataclasses import asdict, replace

import pytest
import torch
from conftest import ROOT, learnable

from benchmarks.modules import load
from benchmarks.runs import fit_of
from sgn.fit import EarlyStopping
from sgn.graph import TrainingView

CONTROLS = ["baselines.majority"]
MODELS = ["sgn.model", *(f"baselines.{p.stem}" for p in sorted((ROOT / "baselines").glob("[a-z]*.py")))]
TUNED = [name for name in MODELS if name not in CONTROLS]


def view_of(kind: str, permuted: bool = False) -> tuple[TrainingView, torch.Tensor, torch.Tensor]:
    """A training view with states and logits, the test ids, and everybody's labels."""
    dataset = learnable("binary" if kind == "binary" else "multiclass")
    task, labels = dataset.task, torch.from_numpy(dataset.labels)
    if permuted:
        labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(5))]
    if kind == "multilabel":
        task, labels = replace(task, kind=kind), task.one_hot(labels).long()
        labels[::5, 0] = -1  # some answers are missing
    generator = torch.Generator().manual_seed(1)
    classes = len(dataset.task.classes)
    states = torch.nn.functional.one_hot(torch.from_numpy(dataset.labels), classes).float().repeat(1, 4)
    states = states + torch.randn(states.shape, generator=generator)
    logits = states.reshape(-1, 4, classes).sum(1)
    if kind == "binary":
        logits = logits[:, 1:] - logits[:, :1]
    split, known, seen = dataset.splits["0"], torch.full_like(labels, -1), torch.full_like(labels, -1)
    seen[split.train] = labels[split.train]
    for ids in (split.train, split.validation):
        known[ids] = labels[ids]
    graph = replace(dataset.graph, states=states, logits=logits, known=task.one_hot(seen))
    view = TrainingView(graph, known, torch.from_numpy(split.train), torch.from_numpy(split.validation), task)
    return view, torch.from_numpy(split.test), labels


def fitted(name: str, view: TrainingView, seed: int = 0, **changes: object) -> torch.Tensor:
    module = load(name)
    config = replace(module.Config(), **changes)
    report = EarlyStopping(60, 20)
    scores = fit_of(module)(config, view, seed, report)(view.graph)
    assert name in CONTROLS or math.isfinite(report.best_score), "a study selects by the best score reported"
    return scores


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("name", MODELS)
def test_gives_probabilities_of_the_right_shape(name: str, kind: str) -> None:
    view, _, _ = view_of(kind)
    scores = fitted(name, view)
    assert scores.shape == (240, view.num_outputs)
    assert ((scores >= 0) & (scores <= 1)).all()
    if kind == "multiclass":
        assert torch.allclose(scores.sum(1), torch.ones(240), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_bytes(name: str) -> None:
    view, _, _ = view_of("binary")
    assert torch.equal(fitted(name, view, 3), fitted(name, view, 3))


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_learns(name: str, kind: str) -> None:
    view, test, labels = view_of(kind)
    score = view.task.score(fitted(name, view)[test], labels[test])
    assert score > (0.8 if kind == "binary" else 0.6)


@pytest.mark.parametrize("name", [n for n in TUNED if n != "baselines.transformer"])
def test_is_at_chance_on_permuted_labels(name: str) -> None:
    view, test, labels = view_of("binary", permuted=True)
    scores = [view.task.score(fitted(name, view, seed)[test], labels[test]) for seed in range(3)]
    assert 0.35 < sum(scores) / 3 < 0.65  # 60 test students: one standard deviation is 0.075


@pytest.mark.parametrize("name", TUNED)
def test_search_space_holds_the_defaults(name: str) -> None:
    module = load(name)
    defaults = asdict(module.Config())
    for knob, distribution in module.SPACE.items():
        assert distribution._contains(distribution.to_internal_repr(defaults[knob])), knob


def test_ours_and_the_baselines_have_the_same_ranges() -> None:
    ours = load("sgn.model").SPACE
    assert ours == load("baselines.gcn").SPACE
    assert load("baselines.mlp").SPACE.items() <= ours.items()
    for knob in ("lr", "weight_decay", "dropout", "width"):
        assert load("baselines.transformer").SPACE[knob] == ours[knob]


def test_a_model_that_needs_states_says_so() -> None:
    view, _, _ = view_of("binary")
    bare = replace(view, graph=replace(view.graph, states=None))
    with pytest.raises(ValueError, match="give the model a recipe"):
        fitted("sgn.model", bare)


@pytest.mark.parametrize("head", ["finetuned", "new"])
def test_transformers_heads(head: str) -> None:
    view, test, labels = view_of("binary")
    assert view.task.score(fitted("baselines.transformer", view, head=head)[test], labels[test]) > 0.8
