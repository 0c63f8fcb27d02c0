"""Losses and scores against hand-computed numbers and scikit-learn."""

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from sgn.fit import DivergedError, EarlyStopping
from sgn.task import Task, roc_auc


def test_binary_loss_by_hand() -> None:
    task = Task("binary", ("no", "yes"))
    logits = torch.tensor([[0.0], [math.log(3)]])
    expected = -(math.log(0.5) + math.log(0.75)) / 2
    assert task.loss(logits, torch.tensor([0, 1])).item() == pytest.approx(expected)


def test_multiclass_loss_by_hand() -> None:
    task = Task("multiclass", ("a", "b", "c"))
    logits = torch.tensor([[math.log(2), 0.0, 0.0]])
    assert task.loss(logits, torch.tensor([0])).item() == pytest.approx(-math.log(0.5))
    assert task.link(logits).tolist()[0] == pytest.approx([0.5, 0.25, 0.25])
    assert task.score(task.link(logits), torch.tensor([0])) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_roc_auc_equals_scikit_learn_with_ties(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(6, (50,), generator=generator).float()
    labels = torch.randint(2, (50,), generator=generator)
    assert roc_auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_roc_auc_needs_both_classes() -> None:
    with pytest.raises(ValueError, match="needs both classes"):
        roc_auc(torch.rand(3), torch.ones(3))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_a_diverged_model_has_no_score_and_its_run_fails(kind: str) -> None:
    task, nan = Task(kind, ("a", "b")), math.nan
    labels = torch.tensor([[1, 0], [0, 1]]) if kind == "multilabel" else torch.tensor([1, 0])
    for lost in (torch.full((2, task.num_outputs), nan), torch.tensor([[0.9, 0.1], [nan, 0.9]])[:, : task.num_outputs]):
        score = task.score(lost, labels)
        assert math.isnan(score)
        with pytest.raises(DivergedError, match="validation score nan"):
            EarlyStopping(5, 5)(1, score)
    assert math.isnan(roc_auc(torch.tensor([nan, 0.5]), torch.tensor([1, 0])))
    assert math.isnan(roc_auc(torch.tensor([0.5, nan]), torch.tensor([1, 0])))


def test_task_refuses_another_kind() -> None:
    with pytest.raises(ValueError, match="regression"):
        Task("regression", ("x",))


def test_label_smoothing_by_hand() -> None:
    task = Task("binary", ("no", "yes"))
    loss = task.loss(torch.tensor([[math.log(3)]]), torch.tensor([1]), label_smoothing=0.2)
    assert loss.item() == pytest.approx(-(0.9 * math.log(0.75) + 0.1 * math.log(0.25)))
    three = Task("multiclass", ("a", "b", "c"))
    logits = torch.tensor([[math.log(2), 0.0, 0.0]])
    expected = -(0.8 * math.log(0.5) + 0.2 / 3 * (math.log(0.5) + 2 * math.log(0.25)))
    assert three.loss(logits, torch.tensor([0]), label_smoothing=0.2).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_balanced_loss_is_the_mean_over_classes(kind: str) -> None:
    task = Task(kind, ("a", "b"))
    labels = torch.tensor([0, 0, 0, 1])
    logits = torch.randn(4, task.num_outputs, generator=torch.Generator().manual_seed(0))
    of_class = [task.loss(logits[labels == c], labels[labels == c]) for c in (0, 1)]
    balanced = task.loss(logits, labels, class_weights=task.balance(labels))
    assert balanced.item() == pytest.approx((sum(of_class) / 2).item())


def test_balanced_multilabel_loss_weighs_both_answers_to_a_question_alike() -> None:
    task = Task("multilabel", ("p", "q"))
    labels = torch.tensor([[1, 0], [0, 0], [0, 1], [0, -1]])
    weights = task.balance(labels)
    assert weights.shape == (2, 2)
    assert (weights[1, 0] / weights[0, 0]).item() == pytest.approx(3)
    assert (weights[1, 1] / weights[0, 1]).item() == pytest.approx(2)
    loss = task.loss(torch.zeros(4, 2), labels, class_weights=weights)
    assert loss.item() == pytest.approx(math.log(2))


def test_multilabel_loss_leaves_unknown_answers_out() -> None:
    task = Task("multilabel", ("p", "q"))
    logits, labels = torch.tensor([[0.3, 5.0], [-0.2, 0.1]]), torch.tensor([[1, -1], [0, 1]])
    log = [math.log(1 + math.exp(-0.3)), math.log(1 + math.exp(-0.2)), math.log(1 + math.exp(-0.1))]
    assert task.loss(logits, labels).item() == pytest.approx(sum(log) / 3, abs=1e-6)


def test_one_hot_is_zero_where_nothing_is_known() -> None:
    assert Task("binary", ("no", "yes")).one_hot(torch.tensor([1, -1, 0])).tolist() == [[0, 1], [0, 0], [1, 0]]
    answers = Task("multilabel", ("p", "q")).one_hot(torch.tensor([[1, -1], [0, 1]]))
    assert answers.tolist() == [[1, 0, 0, 0], [0, 1, 1, 0]]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_mixture_mixes_probabilities(kind: str, share: float) -> None:
    task = Task(kind, ("a", "b"))
    first, second = torch.randn(2, 6, task.num_outputs, generator=torch.Generator().manual_seed(1))
    mixed = task.link(task.mixture(first, second, share))
    assert torch.allclose(mixed, share * task.link(first) + (1 - share) * task.link(second), atol=1e-6)
