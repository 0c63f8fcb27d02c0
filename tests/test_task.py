"""Losses and scores against hand-computed numbers and scikit-learn."""

import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

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


def test_task_refuses_another_kind() -> None:
    with pytest.raises(ValueError, match="regression"):
        Task("regression", ("x",))
