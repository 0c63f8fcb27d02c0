"""One contract for every model file, that of `sgn check-model`; and what only our own files are held to."""

import functools
from dataclasses import replace
from types import ModuleType

import pytest
import torch
from conftest import ROOT

from benchmarks.contract.cases import case, learnable
from benchmarks.contract.conformance import CHECKS, NOT_APPLICABLE, OK, Check
from benchmarks.jobs.modules import load
from benchmarks.training.runs import fit_of
from sgn.blocks import Knobs, Residual, tabular
from sgn.dropout import Dropout
from sgn.fit import EarlyStopping
from sgn.graph import TrainingView

CONTROLS = ["baselines.majority"]
BASELINES = [f"baselines.{p.stem}" for p in sorted((ROOT / "baselines").glob("[a-z]*.py"))]
MODELS = ["sgn.model", *BASELINES, "examples/my_model.py"]
TRANSDUCTIVE = ["baselines.linkx", "baselines.label_propagation"]

module_of = functools.cache(load)


def view_of(kind: str) -> tuple[TrainingView, torch.Tensor, torch.Tensor]:
    """A training view with states and logits, the test ids, and everybody's labels."""
    made = case(learnable(kind))
    return made.view, made.test, made.labels


def fitted(name: str, view: TrainingView, seed: int = 0, **changes: object) -> torch.Tensor:
    """What a model with some knobs changed predicts in the graph of its view."""
    module: ModuleType = module_of(name)
    config = replace(module.Config(), **changes)
    return fit_of(module)(config, view, seed, EarlyStopping(60, 20))(view.graph)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param(name, check, id=f"{name}-{check.function.__name__}")
        for name in MODELS
        for check in CHECKS
        if check.of_controls or name not in CONTROLS
    ],
)
def test_keeps_the_contract(name: str, check: Check) -> None:
    status, reason = check.verdict(module_of(name))
    own_fit = hasattr(module_of(name), "fit") and check.function.__name__ == "gives_logits"
    hides_nobody = name in TRANSDUCTIVE and check.function.__name__ in ("predicts_new_students", "follows_the_order")
    assert status == (NOT_APPLICABLE if own_fit or hides_nobody else OK), reason


def test_ours_and_the_baselines_have_the_same_ranges() -> None:
    ours = load("sgn.model").SPACE
    assert {knob: values for knob, values in ours.items() if knob != "reads"} == load("baselines.gcn").SPACE
    assert load("baselines.mlp").SPACE.items() <= ours.items()
    for knob in ("lr", "weight_decay", "dropout", "width"):
        assert load("baselines.transformer").SPACE[knob] == ours[knob]


def test_a_model_that_needs_states_says_so() -> None:
    view, _, _ = view_of("binary")
    bare = replace(view, graph=replace(view.graph, states=None))
    with pytest.raises(ValueError, match="give the model a recipe"):
        fitted("sgn.model", bare)


def test_a_model_that_reads_the_head_sees_its_logits_alone() -> None:
    view, _, _ = view_of("binary")
    logits = view.graph.logits
    blind = view.graph.with_rows(states=torch.full_like(view.graph.states, float("nan")))
    sgn = load("sgn.model")
    torch.manual_seed(0)
    model = sgn.BertGCN(sgn.Config(reads="head"), view).eval()
    expected = model.stack(torch.cat([logits, tabular(view.graph, model.config)], dim=1), view.graph)
    assert torch.equal(model(blind), expected)
    assert expected.isfinite().all()


def test_a_frozen_recipe_leaves_no_head_to_read() -> None:
    view, _, _ = view_of("binary")
    frozen = replace(view, graph=replace(view.graph, logits=None))
    with pytest.raises(ValueError, match="reads: states"):
        fitted("sgn.model", frozen, reads="head")
    assert fitted("sgn.model", frozen).shape == (len(view.graph), 1)


@pytest.mark.parametrize("neighbors", ["symmetric", "separate"])
def test_an_isolated_student_is_predicted_as_if_nobody_interacted(neighbors: str) -> None:
    view, _, _ = view_of("binary")
    lonely, edges = 3, view.graph.edges
    kept = (edges != lonely).all(0)
    graph = replace(view.graph, edges=edges[:, kept], weights=view.graph.weights[kept])
    nobody = replace(graph, edges=edges[:, :0], weights=view.graph.weights[:0])
    sgn = load("sgn.model")
    torch.manual_seed(0)
    model = sgn.BertGCN(sgn.Config(neighbors=neighbors), view).eval()
    torch.testing.assert_close(model(graph)[lonely], model(nobody)[lonely], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(model(graph), model(nobody), atol=1e-3)


def test_a_learnt_interpolation_begins_where_it_is_told_and_moves() -> None:
    view, _, _ = view_of("binary")
    sgn = load("sgn.model")
    mixed = {}
    for learns in (False, True):
        torch.manual_seed(0)
        model = sgn.BertGCN(sgn.Config(interpolation=0.7, learn_interpolation=learns), view).eval()
        mixed[learns] = model(view.graph)
    torch.testing.assert_close(mixed[True], mixed[False], rtol=1e-4, atol=1e-5)
    view.task.loss(mixed[True][view.train], view.labels[view.train]).backward()
    assert model.learnt.grad.abs() > 1e-4
    told = {
        learns: fitted("sgn.model", view, interpolation=0.7, learn_interpolation=learns) for learns in (False, True)
    }
    assert (told[True] - told[False]).abs().max() > 1e-3
    for end in (0.0, 1.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            fitted("sgn.model", view, interpolation=end, learn_interpolation=True)


def own(view: TrainingView, **knobs: object) -> torch.nn.Module:
    """A BERT+GCN of certain knobs, before it is trained."""
    sgn = load("sgn.model")
    torch.manual_seed(0)
    return sgn.BertGCN(sgn.Config(**{"dropout": 0.0} | knobs), view)


@pytest.mark.parametrize("heads", [0, 4])
def test_by_attention_students_hear_of_those_they_do_not_interact_with(heads: int) -> None:
    view, _, _ = view_of("binary")
    nobody = replace(view.graph, edges=view.graph.edges[:, :0], weights=view.graph.weights[:0])
    states = nobody.states.clone()
    states[0] = states[0].roll(1)
    model = own(view, attention=heads).eval()
    heard = (model(nobody) - model(nobody.with_rows(states=states)))[1:].abs().max()
    assert heard > 1e-5 if heads else heard == 0


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_edges_are_dropped_where_the_knob_says_so(share: float) -> None:
    view, _, _ = view_of("binary")
    model = own(view, drop_edge=share)
    assert torch.equal(model(view.graph), model(view.graph)) == (share == 0.0)
    assert torch.equal(model.eval()(view.graph), model(view.graph))


@pytest.mark.parametrize("residual", [False, True])
def test_what_goes_around_a_block_that_says_nothing(residual: bool) -> None:
    view, _, _ = view_of("binary")
    model = own(view, residual=residual).eval()
    for parameter in (p for residual in model.stack.blocks for p in residual.block.parameters()):
        parameter.data.zero_()
    spread = model(view.graph).std()
    assert spread > 1e-2 if residual else spread < 1e-6


@pytest.mark.parametrize("norm", ["layer", "batch", "none"])
def test_what_is_normalized_before_a_block(norm: str) -> None:
    class Seen(torch.nn.Module):
        def forward(self, h: torch.Tensor, graph: object) -> torch.Tensor:
            seen.append(h)
            return h

    seen: list[torch.Tensor] = []
    h = 3 + 2 * torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    Residual(Seen(), Knobs(width=8, norm=norm))(h, None)
    along = {"layer": 1, "batch": 0}.get(norm)
    expected = h if along is None else (h - h.mean(along, keepdim=True)) / h.std(along, keepdim=True, correction=0)
    assert torch.allclose(seen[0], expected, atol=1e-3)


@pytest.mark.parametrize("knob", [{"reads": "head"}, {"interpolation": 0.7}])
def test_joint_training_refuses_a_head_that_would_not_learn(knob: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="reads: states and interpolation: 1"):
        fitted("sgn.model", view_of("binary")[0], fusion="joint", **knob)


@pytest.mark.parametrize("head", ["finetuned", "new"])
def test_transformers_heads(head: str) -> None:
    view, test, labels = view_of("binary")
    assert view.task.score(fitted("baselines.transformer", view, head=head)[test], labels[test]) > 0.8


def test_dropout_leaves_entries_out_one_by_one() -> None:
    torch.manual_seed(0)
    dropout, h = Dropout(0.3), torch.ones(1000, 401)
    out = dropout(h)
    left_out = out == 0
    assert left_out.float().mean().item() == pytest.approx(0.3, abs=0.004)  # 5 standard deviations
    assert torch.unique(out[~left_out]).item() == pytest.approx(1 / 0.7, rel=1e-4)
    neighbors_and_the_next_pass = (left_out.roll(1, 0), left_out.roll(1, 1), dropout(h) == 0)
    for others in neighbors_and_the_next_pass:
        assert (left_out & others).float().mean().item() == pytest.approx(0.09, abs=0.004)


def test_dropouts_gradient_and_its_ends() -> None:
    h = torch.ones(50, 7, requires_grad=True)
    dropout = Dropout(0.5)
    out = dropout(h)
    out.sum().backward()
    assert torch.equal(h.grad, out.detach())
    assert dropout.eval()(h) is h
    assert Dropout(0.0)(h) is h
    assert (Dropout(0.999999)(h) == 0).all()
    for rate in (1.0, -0.1):
        with pytest.raises(ValueError, match="dropout is a share"):
            Dropout(rate)
