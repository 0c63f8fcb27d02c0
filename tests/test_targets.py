"""Targets that are no students: pairs, of which what scores and compares knows the place, the units and the people."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.analysis import scoring
from benchmarks.analysis.metrics import reliability
from benchmarks.analysis.people import FEWEST
from benchmarks.data.predictions import Run
from benchmarks.data.targets import Sealed, Targets, of_students

CHOOSERS, ASKED = 120, 4
STRENGTH = {"mlp": 0.5, "bert-gcn": 1.5, "oracle": 2.0}


def sealed_of(targets: Targets) -> Sealed:
    """A task that trains, validates and tests on the same targets: nothing here learns."""
    return Sealed("binary", ("no", "yes"), "fixed", *({"0": targets} for _ in range(3)))


def toy() -> tuple[Targets, Targets, list[Run], list[Run]]:
    """Choosers, who are a target each, and four equal pairs of each of them with others; runs on either."""
    rng = np.random.default_rng(4)
    who, truth = np.arange(CHOOSERS), rng.integers(2, size=CHOOSERS)
    ends = np.stack([np.repeat(who, ASKED), CHOOSERS + np.arange(CHOOSERS * ASKED)], axis=1)  # [n, 2]
    pairs = Targets(np.repeat(truth, ASKED), units=ends[:, 0], students=ends)
    runs = []
    for model, strength in STRENGTH.items():
        for seed in range(2):
            chance = 1 / (1 + np.exp(-rng.normal(strength * (truth - 0.5), 1)))[:, None]
            runs.append(Run(model, "", "base", "0", seed, chance, chance))
    wide = [replace(r, validation=r.validation.repeat(ASKED, 0), test=r.test.repeat(ASKED, 0)) for r in runs]
    return of_students(who, truth), pairs, runs, wide


def test_pairs_are_scored_and_compared_with_the_luck_of_their_units() -> None:
    """Four equal pairs of a chooser are no more than the chooser, in scores, intervals, gaps and controls."""
    students, pairs, runs, wide = toy()
    words = {"mood": np.where(np.arange(CHOOSERS) % 2, "late", "calm")}
    found = []
    for targets, of in ((students, runs), (pairs, wide)):
        sealed = sealed_of(targets)
        tables = scoring.scored("toy", {"": {}}, {"": sealed}, of)
        tables |= scoring.compared("toy", sealed, of, words, set(STRENGTH), {})
        found.append(tables | {"controls": scoring.controlled("toy", {"": sealed}, of, text_matters=False)})
    alone, together = found
    assert (together["runs"]["students"] == CHOOSERS * (1 + ASKED)).all(), "either end counts"
    for table, columns in {
        "runs": ["accuracy", "macro_f1", "macro_f1_chosen", "roc_auc", "pr_auc", "validation"],
        "comparisons": ["difference", "low", "high", "p", "score_low", "score_high"],
        "fairness": ["value", "low", "high"],
    }.items():
        numbers = (tables[table][columns].astype(float).to_numpy() for tables in found)
        np.testing.assert_allclose(*numbers, rtol=1e-6, err_msg=table)
    for table, column in (("comparisons", "floor"), ("controls", "error")):
        numbers = (tables[table][column].to_numpy(float) for tables in found)
        np.testing.assert_allclose(*numbers, rtol=0.02, err_msg=table)  # DeLong's n - 1
    assert len(alone["comparisons"]) == len(together["comparisons"]) > 0


def test_a_bin_of_pairs_rests_on_the_students_at_their_ends() -> None:
    rng = np.random.default_rng(0)
    labels, chance = rng.integers(2, size=200), np.linspace(0, 1, 200)[:, None]
    ends = np.stack([np.zeros(200, int), np.repeat(np.arange(1, 5), 50)], axis=1)  # five students
    assert len(reliability(labels, chance, ends)) > 1
    assert reliability(labels, chance, ends, FEWEST)["students"].tolist() == [5]


def test_counts_of_pairs_protect_no_real_student() -> None:
    students, pairs, runs, wide = toy()
    scoring.scored("toy", {"": {}}, {"": replace(sealed_of(students), fewest=FEWEST)}, runs)
    with pytest.raises(ValueError, match="a student has several targets, or a target several students"):
        scoring.scored("toy", {"": {}}, {"": replace(sealed_of(pairs), fewest=FEWEST)}, wide)
