"""Gaps between groups, on made-up students: by hand, by scikit-learn, and where groups are served alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import learnable
from scipy.interpolate import interp1d
from sklearn.metrics import roc_curve

from benchmarks.analysis import fairness
from benchmarks.analysis.fairness import BEYOND, WITHIN, apart, gaps, roc
from benchmarks.data.storage import load_protected, save_dataset
from benchmarks.data.targets import Targets, of_students


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fairness, "DRAWS", 100)
    monkeypatch.setattr(fairness, "DEALS", 60)


def toy(apart: float, students: int = 400, seeds: int = 2) -> tuple[dict[str, Targets], dict, np.ndarray]:
    """Who is tested by two splits, chances by run, and two groups, of whom the second is told by so much less."""
    rng = np.random.default_rng(0)
    words = np.where(rng.random(students) < 0.4, "late", "calm")
    everybody = rng.integers(2, size=students)
    ids = dict(zip(("0", "1"), np.split(rng.permutation(students), 2), strict=True))
    strength = np.where(words == "late", 3.0 - apart, 3.0)
    runs = {
        (split, seed): (1 / (1 + np.exp(-rng.normal(strength[of] * (everybody[of] - 0.5), 1))))[:, None]
        for split, of in ids.items()
        for seed in range(seeds)
    }
    return {split: of_students(of, everybody[of]) for split, of in ids.items()}, runs, words


def test_gaps_by_hand() -> None:
    tests, runs, words = toy(2.0, seeds=1)
    found = gaps("binary", tests, runs, words).set_index("measure")
    who, y = (np.concatenate([getattr(tests[split], name) for split in "01"]) for name in ("units", "truth"))
    chance = np.concatenate([runs["0", 0], runs["1", 0]])[:, 0]
    late = words[who] == "late"
    recall = [((chance >= 0.5) & (y == 1) & of).sum() / ((y == 1) & of).sum() for of in (late, ~late)]
    assert found.loc["recall", "value"] == pytest.approx(abs(recall[0] - recall[1]))
    large = [(chance - y)[of].mean() for of in (late, ~late)]
    assert found.loc["calibration", "value"] == pytest.approx(abs(large[0] - large[1]))
    grid = np.linspace(0, 1, 20_001)
    areas = []
    for split in np.split(np.arange(len(y)), 2):
        of = [split[group[split]] for group in (late, ~late)]
        curves = [interp1d(*roc_curve(y[one], chance[one], drop_intermediate=False)[:2])(grid) for one in of]
        areas.append(np.trapezoid(np.abs(curves[0] - curves[1]), grid))
    assert found.loc["abroca", "value"] == pytest.approx(np.mean(areas), abs=2e-3), "in each split, then averaged"
    assert (found["groups"] == 2).all()
    assert (found["names"] == f"calm ({(~late).sum()}), late ({late.sum()})").all()
    assert found.loc["recall", "worse"] == ("late" if recall[0] < recall[1] else "calm")
    assert found.loc["calibration", "worse"] == ("late" if abs(large[0]) > abs(large[1]) else "calm")
    assert found.loc["abroca", "worse"] == "late", "told by less"


def test_a_gap_is_beyond_chance_and_no_gap_is_not() -> None:
    unlike, alike = (gaps("binary", *toy(apart)).set_index("measure") for apart in (3.0, 0.0))
    for measure in ("recall", "abroca"):
        assert unlike.loc[measure, "value"] > unlike.loc[measure, "chance"]
        assert alike.loc[measure, "value"] < alike.loc[measure, "chance"]
        assert unlike.loc[measure, ["worse", "verdict"]].tolist() == ["late", BEYOND]
        assert alike.loc[measure, "verdict"] == WITHIN
    for found in (unlike, alike):
        assert (found["low"] <= found["value"]).all()
        assert (found["value"] <= found["high"]).all()
        assert (found["low"] >= 0).all()


def verdicts(y: np.ndarray, chance: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Whether each gap is beyond chance, on one split."""
    found = gaps("binary", {"0": of_students(np.arange(len(y)), y)}, {("0", 0): chance[:, None]}, words)
    return (found.set_index("measure")["verdict"][list(fairness.MEASURES)] == BEYOND).to_numpy()


def test_groups_of_unequal_base_rates_that_are_served_alike_are_rarely_beyond_chance() -> None:
    """Recall and ABROCA: chances depend on the label alone. Calibration: labels depend on the chance alone."""
    beyond = np.zeros(3)
    y, words = np.repeat([1, 0, 1, 0], [12, 188, 150, 50]), np.repeat(["a", "b"], 200)
    few = np.repeat(["a", "b"], [80, 320])
    rate = np.where(few == "a", 0.5, 0.06)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        served = verdicts(y, 1 / (1 + np.exp(-rng.normal(1.5 * (y - 0.5), 1))), words)
        true = verdicts((rng.random(400) < rate).astype(int), rate, few)
        assert served[1], "as chances know nothing of base rates"
        beyond += [served[0], true[1], served[2]]
    assert (beyond <= 7).all(), "of 50, where 2.5 are expected"


def test_constants_that_differ_by_split_have_no_gap() -> None:
    """A model that predicts its split's base rate tells nobody apart, though groups differ in it between splits."""
    tests, runs, words = toy(0.0, seeds=1)
    words[tests["1"].units[:150]] = "late"
    found = gaps("binary", tests, {cell: np.full_like(runs[cell], 0.2 + 0.1 * int(cell[0])) for cell in runs}, words)
    assert found.set_index("measure").loc["abroca", ["value", "low", "high"]].tolist() == [0, 0, 0]


def test_roc_curves_are_scikit_learns_ties_and_weights_included() -> None:
    rng = np.random.default_rng(1)
    yes, chance = rng.random(60) < 0.4, rng.integers(8, size=60) / 8
    counts = rng.integers(1, 4, size=(60, 3)).astype(float)
    found = roc(yes, chance, counts)
    for draw in range(3):
        wrong, right, _ = roc_curve(yes, chance, sample_weight=counts[:, draw])
        assert found[:, draw] == pytest.approx(np.interp(fairness.GRID, wrong, right), abs=1e-9)


def test_small_groups_are_left_out_and_unknown_ones_are_none() -> None:
    tests, runs, words = toy(0.0)
    words[:80] = ""
    words[80:90] = "lost"
    found = gaps("binary", tests, runs, words)
    assert found[["groups", "left_out"]].drop_duplicates().to_numpy().tolist() == [[2, 1]]
    assert (found["names"] == "calm, late").all(), "sizes would tell that of the one left out"
    alone = gaps("binary", tests, runs, np.where(words == "lost", "lost", "calm"))
    assert alone[["value", "low", "high", "chance"]].isna().all(axis=None)
    assert alone["groups"].tolist() == [1, 1, 1]
    assert (alone["names"] == "").all(), "whose size would tell that of the one left out"
    assert (alone[["worse", "verdict"]] == "").all(axis=None)


def test_several_classes_count_all_students_and_only_classes_with_enough_of_both_sides() -> None:
    rng = np.random.default_rng(2)
    labels = rng.choice(3, p=[0.5, 0.47, 0.03], size=300)
    answers = rng.dirichlet(np.ones(3), size=300)
    late = rng.random(300) < 0.5
    member, once = np.stack([late, ~late]), np.ones((300, 1))
    found = apart("multiclass", labels, answers, member, once, 0)
    each = [apart("binary", (labels == c).astype(int), answers[:, [c]], member, once, 0) for c in range(3)]
    assert each[2] is None, "nine students are not enough"
    assert found == pytest.approx((each[0] + each[1]) / 2)
    tests = {"0": of_students(np.arange(300), labels)}
    everybody = gaps("multiclass", tests, {("0", 0): answers}, np.where(late, "late", "calm"))
    right = answers.argmax(1) == labels
    assert everybody.set_index("measure").loc["recall", "value"] == pytest.approx(
        abs(right[late].mean() - right[~late].mean())
    )


def test_a_person_in_several_splits_is_one() -> None:
    """The same test students twice are not twice as many: the interval stays as wide."""
    tests, runs, words = toy(1.0, seeds=1)
    once = gaps("binary", {"0": tests["0"]}, {("0", 0): runs["0", 0]}, words)
    twice = gaps("binary", dict.fromkeys("01", tests["0"]), {(split, 0): runs["0", 0] for split in "01"}, words)
    for column in ("value", "low", "high", "chance"):
        assert twice[column].tolist() == pytest.approx(once[column].tolist())


def test_protected_attributes_lie_beside_the_graph_and_in_no_other_file(tmp_path: Path) -> None:
    words = np.where(np.arange(240) % 2 == 0, "late", "")
    files = []
    for protected in ({"mood": words}, {}):
        folder = tmp_path / str(len(protected))
        for kind in ("data", "sealed"):
            (folder / kind).mkdir(parents=True)
        save_dataset(replace(learnable(), protected=protected), folder / "data", folder / "sealed")
        files.append({file.name: file.read_bytes() for file in folder.rglob("*.*")})
    assert files[0].keys() - files[1].keys() == {"protected.npz"}
    assert load_protected(tmp_path / "1" / "data")["mood"].tolist() == words.tolist()
    assert load_protected(tmp_path / "0" / "data") == {}
    for name in ("card.json", "splits.npz", "labels.npz"):
        assert files[0][name] == files[1][name]


def test_a_protected_attribute_is_a_word_for_each_student() -> None:
    with pytest.raises(ValueError, match="protected 'mood' is not a word for each of 240 students"):
        replace(learnable(), protected={"mood": np.zeros(240)})
