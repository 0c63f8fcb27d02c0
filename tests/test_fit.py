"""The training loop: when it stops, which weights it keeps."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from conftest import learnable
from torch import Tensor, nn

from sgn.blocks import ConvolutionKnobs
from sgn.fit import DivergedError, EarlyStopping, Training, fit, run_epochs
from sgn.graph import StudentGraph, TrainingView


def test_stops_after_patience_epochs_without_anything_better() -> None:
    stopping = EarlyStopping(epochs=100, patience=3)
    scores = [0.5, 0.6, 0.6, 0.55, 0.59, 0.58]
    stops = [stopping(epoch, score) for epoch, score in enumerate(scores, 1)]
    assert stops == [False, False, False, False, True, True]
    assert (stopping.best_epoch, stopping.best_score) == (2, 0.6)


def test_a_lower_loss_breaks_a_tie() -> None:
    stopping = EarlyStopping(epochs=100, patience=3)
    stopping(1, 0.6, 1.0)
    stopping(2, 0.6, 0.9)
    assert stopping.improved
    stopping(3, 0.6, 0.95)
    assert not stopping.improved
    assert stopping.best_epoch == 2


def test_stops_after_the_last_epoch() -> None:
    stopping = EarlyStopping(epochs=2, patience=10)
    assert [stopping(1, 0.1), stopping(2, 0.2)] == [False, True]


@pytest.mark.parametrize(("score", "loss"), [(math.nan, 0.0), (0.5, math.nan), (0.5, math.inf)])
def test_a_number_that_is_not_finite_ends_training(score: float, loss: float) -> None:
    with pytest.raises(DivergedError):
        EarlyStopping(10, 10)(1, score, loss)


def test_progress_is_told_with_score_and_time_left() -> None:
    lines: list[str] = []
    stopping = EarlyStopping(1, 10, lines.append)
    stopping(1, 0.75)
    assert lines == ["epoch 1/1  validation 0.7500  best 0.7500 (epoch 1)  done"]


@pytest.mark.parametrize("norm", [0.5, 50.0])
def test_a_gradient_is_as_long_as_allowed_at_most(norm: float) -> None:
    module = nn.Linear(3, 1, bias=False)
    before, slope = module.weight.detach().clone(), torch.tensor([[2.0, -1.0, 2.0]]) / 3 * norm
    stopping = EarlyStopping(1, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    run_epochs(
        module, optimizer, lambda: [0], lambda _: (module.weight * slope).sum(), lambda: (0.5, 0.0), stopping, clip=2.0
    )
    expected = slope * min(1.0, 2.0 / norm)
    torch.testing.assert_close(before - module.weight.detach(), expected, rtol=1e-4, atol=1e-5)


def test_the_best_epochs_weights_come_back() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 0.0)
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    seen: list[float] = []

    def validate() -> tuple[float, float]:  # best where the weight is nearest to 2
        seen.append(module.weight.item())
        return -abs(module.weight.item() - 2.0), 0.0

    run_epochs(module, optimizer, lambda: [None], lambda _: -module.weight.sum(), validate, EarlyStopping(5, 5))
    assert seen == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0], abs=1e-4)
    assert module.weight.item() == seen[1]


class Spy(nn.Module):
    """Notes the labels that it is shown in each training pass."""

    def __init__(self, config: ConvolutionKnobs, view: TrainingView) -> None:
        super().__init__()
        self.head = nn.Linear(view.graph.num_features, view.num_outputs)
        self.shown: list[Tensor] = seen

    def forward(self, graph: StudentGraph) -> Tensor:
        if self.training:
            self.shown.append(graph.known.sum(1))
        return self.head(graph.x)


seen: list[Tensor] = []


def test_half_of_the_known_labels_are_inputs_and_the_other_half_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = learnable()
    labels = torch.full((240,), -1)
    train, validation = (torch.from_numpy(getattr(dataset.splits["0"], side)) for side in ("train", "validation"))
    for ids in (train, validation):
        labels[ids] = torch.from_numpy(dataset.labels)[ids]
    own = torch.full_like(labels, -1)
    own[train] = labels[train]
    graph = replace(dataset.graph, known=dataset.task.one_hot(own))
    view = TrainingView(graph, labels, train, validation, dataset.task)
    asked: list[int] = []
    loss = type(dataset.task).loss

    def spied(task: object, logits: Tensor, labels: Tensor, *rest: object) -> Tensor:
        asked.append(len(labels))
        return loss(task, logits, labels, *rest)

    monkeypatch.setattr(type(dataset.task), "loss", spied)
    seen.clear()
    fit(Spy, ConvolutionKnobs(known_labels=True), view, 0, EarlyStopping(6, 6))
    for shown, count in zip(seen, asked[::2], strict=True):  # validation's loss stands between
        assert shown[validation].sum() == 0
        assert 0.3 * len(train) < shown.sum() < 0.7 * len(train)
        assert shown.sum() + count == len(train)


def chances(**knobs: Any) -> tuple[Tensor, Tensor]:
    """What a linear model of the features says after 200 epochs with these knobs: chances [n], and who [n] is rare."""
    dataset = learnable()
    everybody, split = torch.from_numpy(dataset.labels), dataset.splits["0"]
    train, validation = torch.from_numpy(split.train), torch.from_numpy(split.validation)
    train = torch.cat([train[everybody[train] == 0], train[everybody[train] == 1][:6]])
    labels = torch.full_like(everybody, -1)
    labels[train], labels[validation] = everybody[train], everybody[validation]
    view = TrainingView(dataset.graph, labels, train, validation, dataset.task)
    config = Training(**{"lr": 0.05, "weight_decay": 0.0, "early_stopping": False} | knobs)
    predict = fit(lambda _, view: Linear(view), config, view, 0, EarlyStopping(200, 200))
    return predict(dataset.graph)[train, 0], labels[train] == 1


class Linear(nn.Module):
    def __init__(self, view: TrainingView) -> None:
        super().__init__()
        self.head = nn.Linear(view.graph.num_features, view.num_outputs)

    def forward(self, graph: StudentGraph) -> Tensor:
        return self.head(graph.x)


def test_class_weights_give_the_rare_class_its_share() -> None:
    plain, rare = chances()
    weighted, _ = chances(class_weights=True)
    assert plain.mean() == pytest.approx(rare.float().mean().item(), abs=0.02)  # as often as it happened
    balanced = (weighted[rare].mean() + weighted[~rare].mean()) / 2
    assert balanced == pytest.approx(0.5, abs=0.02)


def test_label_smoothing_and_weight_decay_make_less_confident() -> None:
    sure = (chances()[0] - 0.5).abs().mean()
    assert (chances(label_smoothing=0.3)[0] - 0.5).abs().mean() < sure - 0.05
    assert chances()[0].logit().std() > 2 * chances(weight_decay=3.0)[0].logit().std()


def test_without_early_stopping_the_last_weights_stay() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 0.0)
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    report = EarlyStopping(5, 5)
    run_epochs(
        module, optimizer, lambda: [None], lambda _: -module.weight.sum(), lambda: (-module.weight.item(), 0.0), report,
        keep_best=False,
    )  # fmt: skip
    assert module.weight.item() == pytest.approx(5.0, abs=1e-4)
