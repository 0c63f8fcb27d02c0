"""Scores by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from benchmarks.analysis.metrics import (
    BINS,
    best_thresholds,
    brier,
    calibration_error,
    decisions,
    macro_f1_at,
    per_class,
    prevalence,
    reliability,
    scores,
)


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
    frame = per_class(labels, probabilities, ["a", "b", "c"], None).set_index("class")
    assert list(frame.index) == ["a", "b", "c", "micro", "macro", "weighted"]
    assert frame.loc["a", ["precision", "recall", "support"]].tolist() == pytest.approx([1, 2 / 3, 3])
    assert frame.loc["b", ["precision", "recall", "support"]].tolist() == pytest.approx([2 / 3, 1, 2])
    assert frame.loc["c", "support"] == 0
    assert frame.loc["micro", "f1"] == pytest.approx(0.8)
    assert frame.loc["macro", "recall"] == pytest.approx((2 / 3 + 1) / 2)
    assert frame.loc["weighted", "recall"] == pytest.approx(0.8)
    assert frame["f1_chosen"].isna().all(), "several classes have no threshold"


def test_a_threshold_is_the_best_on_validation_and_used_on_test() -> None:
    labels, chance = np.array([0, 0, 0, 1, 0, 1]), np.array([0.05, 0.1, 0.12, 0.2, 0.3, 0.4])
    (at,) = best_thresholds(labels, chance[:, None])
    everywhere = np.linspace(0, 1, 1001)
    f1 = [sk.f1_score(labels, chance >= t, average="macro") for t in everywhere]
    assert sk.f1_score(labels, chance >= at, average="macro") == pytest.approx(max(f1))
    assert at == pytest.approx((0.12 + 0.2) / 2)
    test, unseen = np.array([0, 1, 1]), np.array([0.15, 0.17, 0.6])
    assert macro_f1_at(np.array([at]), test, unseen[:, None]) == 1.0
    assert scores(test, unseen[:, None])["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)
    frame = per_class(test, unseen[:, None], ["no", "yes"], np.array([at])).set_index("class")
    assert frame.loc[["no", "yes", "macro"], "f1_chosen"].tolist() == [1.0, 1.0, 1.0]
    assert frame.loc["yes", "f1"] == pytest.approx(2 / 3)


def test_of_equally_good_thresholds_the_one_next_to_one_half_is_taken() -> None:
    labels = np.array([0, 1, 0, 1])
    assert best_thresholds(labels, np.array([[0.1], [0.2], [0.6], [0.9]])).tolist() == pytest.approx([0.75])
    assert best_thresholds(labels, np.full((4, 1), 0.3)).tolist() == [0.5], "a constant leaves no choice"


def quadratic(labels: np.ndarray, chance: np.ndarray) -> float:
    """The threshold by trying each, all students anew."""
    occurring = np.unique(chance)
    between = (occurring[1:] + occurring[:-1]) / 2 if len(occurring) > 1 else np.array([0.5])
    f1 = [sk.f1_score(labels, chance >= at, average="macro", labels=[0, 1], zero_division=0) for at in between]
    best = between[np.isclose(f1, max(f1))]
    return float(best[np.abs(best - 0.5).argmin()])


@pytest.mark.parametrize("seed", range(6))
def test_thresholds_are_those_of_trying_each(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random(80) < 0.3).astype(np.int64) if seed else np.zeros(80, np.int64)
    chance = rng.random(80).astype(np.float32).round(3 if seed % 2 else 1)  # with ties, and many
    if seed % 3 == 0:
        chance[:3] = np.nextafter(np.float32(0.3), np.float32([0, 1, 1]))  # no number lies between
    assert best_thresholds(labels, chance[:, None]).tolist() == [quadratic(labels, chance)]


def test_thresholds_of_many_students_take_a_moment() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=100_000)  # 10 GB, and minutes, if each pair was looked at
    (at,) = best_thresholds(labels, rng.normal(labels, 1.0)[:, None])
    assert at == pytest.approx(0.5, abs=0.1)


def test_each_question_has_a_threshold_of_its_own() -> None:
    labels = np.array([[0, -1], [1, 0], [0, 0], [1, 1]])
    chances = np.array([[0.1, 0.9], [0.3, 0.7], [0.2, 0.6], [0.4, 0.8]])
    at = best_thresholds(labels, chances)
    assert at.tolist() == pytest.approx([0.25, 0.75])
    assert macro_f1_at(at, labels, chances) == 1.0
    assert per_class(labels, chances, ["p", "q"], at)["f1_chosen"].tolist() == [1.0] * 5


def test_brier_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, chance = rng.integers(2, size=50), rng.random(50)
    assert brier(labels, chance[:, None]) == pytest.approx(sk.brier_score_loss(labels, chance))
    both = np.stack([1 - chance, chance], 1)
    assert brier(labels, both) == pytest.approx(2 * sk.brier_score_loss(labels, chance)), "summed over the classes"
    unknown = np.stack([labels, np.where(np.arange(50) < 25, labels, -1)], 1)
    halves = [sk.brier_score_loss(labels[:n], chance[:n]) for n in (50, 25)]
    assert brier(unknown, np.stack([chance, chance], 1)) == pytest.approx(np.mean(halves))


def test_a_reliability_diagram_by_hand() -> None:
    """30 students, so two a bin; of the two with a chance of 0.2, one has the label, and so on."""
    chance = np.repeat(np.linspace(0.2, 0.9, BINS), 2)
    labels = np.tile([0, 1], BINS)
    found = reliability(labels, chance[:, None], np.arange(30))
    assert found["predicted"].tolist() == pytest.approx(np.linspace(0.2, 0.9, BINS))
    assert (found["observed"] == 0.5).all()
    assert found["share"].tolist() == pytest.approx([1 / BINS] * BINS)
    assert calibration_error(found) == pytest.approx(np.abs(np.linspace(0.2, 0.9, BINS) - 0.5).mean())


def test_a_constant_has_one_bin_and_no_error_at_the_base_rate() -> None:
    found = reliability(np.array([0, 0, 0, 1]), np.full((4, 1), 0.25), np.arange(4))
    assert found.drop(columns="bin").to_numpy().tolist() == [[4, 1.0, 0.25, 0.25]]
    assert calibration_error(found) == 0


def test_several_classes_are_asked_whether_the_decision_is_right() -> None:
    found = reliability(np.array([0, 2]), np.array([[0.6, 0.3, 0.1], [0.1, 0.5, 0.4]]), np.arange(2))
    assert found["predicted"].tolist() == [0.5, 0.6]
    assert found["observed"].tolist() == [0, 1]
