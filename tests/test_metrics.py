"""Scores by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from benchmarks.metrics import decisions, per_class, prevalence, scores


def test_binary_by_hand() -> None:
    labels = np.array([0, 0, 1, 1])
    found = scores(labels, np.array([[0.1], [0.6], [0.4], [0.9]]))
    # right order: 3 of 4 pairs; precision at each positive: 1/1, 2/3
    assert found["accuracy"] == 0.5
    assert found["roc_auc"] == 0.75
    assert found["pr_auc"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["macro_f1"] == pytest.approx(0.5)


def test_a_constant_scores_half_and_prevalence() -> None:
    labels = np.array([0, 0, 0, 1])
    found = scores(labels, np.full((4, 1), 0.25))
    assert found["roc_auc"] == 0.5
    assert found["pr_auc"] == prevalence(labels, 1) == 0.25


def test_multiclass_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=200)
    probabilities = rng.dirichlet(np.ones(4), 200)
    found = scores(labels, probabilities)
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(labels, probabilities, multi_class="ovr"))
    assert found["accuracy"] == sk.accuracy_score(labels, decisions(probabilities))
    assert found["macro_f1"] == sk.f1_score(labels, decisions(probabilities), average="macro")
    assert prevalence(labels, 4) == 0.25


def test_a_class_that_does_not_occur_is_left_out() -> None:
    labels = np.array([0, 1, 0, 1])
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.3, 0.6, 0.1]])
    assert scores(labels, probabilities) == {"accuracy": 1.0, "macro_f1": 1.0, "roc_auc": 1.0, "pr_auc": 1.0}


def test_per_class_report() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    probabilities = np.eye(3)[[0, 0, 1, 1, 1]]
    frame = per_class(labels, probabilities, ["a", "b", "c"]).set_index("class")
    assert list(frame.index) == ["a", "b", "c", "micro", "macro", "weighted"]
    assert frame.loc["a", ["precision", "recall", "support"]].tolist() == pytest.approx([1, 2 / 3, 3])
    assert frame.loc["b", ["precision", "recall", "support"]].tolist() == pytest.approx([2 / 3, 1, 2])
    assert frame.loc["c", "support"] == 0
    assert frame.loc["micro", "f1"] == pytest.approx(0.8)
    assert frame.loc["macro", "recall"] == pytest.approx((2 / 3 + 1) / 2)
    assert frame.loc["weighted", "recall"] == pytest.approx(0.8)
