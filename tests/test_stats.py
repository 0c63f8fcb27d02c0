"""Statistics by hand and by scipy, statsmodels, scikit-learn and scikit-posthocs."""

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
import statsmodels.formula.api as smf
from scipy import stats as sp
from sklearn.metrics import roc_auc_score
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from benchmarks.analysis import stats


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_bootstrap_sample_has_as_many_students(rng: np.random.Generator) -> None:
    counts = stats.unit_draws(30, rng, 500)
    assert counts.shape == (30, 500)
    assert (counts.sum(0) == 30).all()
    assert counts.var() == pytest.approx(1 - 1 / 30, rel=0.05), "multinomial"


def test_resampled_accuracy_by_hand() -> None:
    counts = np.array([[1.0, 2, 0], [1, 0, 0], [1, 1, 3]])
    correct = np.array([[True, False, True], [False, False, True]])
    assert stats.accuracy_draws(correct, counts).tolist() == [[2 / 3, 1, 1], [1 / 3, 1 / 3, 1]]


def test_resampled_auc_equals_scikit_learn_on_the_repeated_students(rng: np.random.Generator) -> None:
    positive = rng.random(60) < 0.4
    scores = np.round(rng.normal(positive, 1), 1)  # with ties
    counts = stats.unit_draws(60, rng, 50)
    found = stats.auc_draws(positive, scores, counts)
    for draw in range(50):
        students = np.repeat(np.arange(60), counts[:, draw].astype(int))
        assert found[draw] == pytest.approx(roc_auc_score(positive[students], scores[students]))
    assert stats.auc(positive, scores) == pytest.approx(roc_auc_score(positive, scores))


def test_auc_of_one_class_is_none() -> None:
    assert np.isnan(stats.auc(np.array([True, True]), np.array([0.1, 0.2])))
    counts = np.array([[2.0, 1], [0, 1]])
    assert np.isnan(stats.auc_draws(np.array([True, False]), np.array([0.9, 0.1]), counts)).tolist() == [True, False]


def test_delong_by_the_definition(rng: np.random.Generator) -> None:
    positive = rng.random(50) < 0.5
    scores = np.round(rng.normal(positive, 1, (2, 50)), 1)
    kernel = [(s[positive][:, None] > s[~positive]) + (s[positive][:, None] == s[~positive]) / 2 for s in scores]
    apart = kernel[0] - kernel[1]  # [n+, n-]
    variance = apart.mean(1).var(ddof=1) / positive.sum() + apart.mean(0).var(ddof=1) / (~positive).sum()
    influence = stats.auc_influence(positive, scores[0]) - stats.auc_influence(positive, scores[1])
    assert (influence**2).sum() == pytest.approx(variance)
    assert stats.resolution_floor(influence) == pytest.approx(1.959964 * variance**0.5)


def test_the_bootstrap_has_delongs_spread(rng: np.random.Generator) -> None:
    positive = rng.random(400) < 0.4
    first, second = rng.normal(positive, 1, (2, 400))
    counts = stats.unit_draws(400, rng)
    draws = stats.auc_draws(positive, first, counts) - stats.auc_draws(positive, second, counts)
    influence = stats.auc_influence(positive, first) - stats.auc_influence(positive, second)
    assert draws.std() == pytest.approx(np.sqrt((influence**2).sum()), rel=0.05)


def test_the_floor_of_an_accuracy_is_where_mcnemars_test_starts_to_see() -> None:
    """Of 400 students, 100 are decided differently: 1.96 sqrt(0.25 / 400) = 0.049 is 19.6 more right than wrong."""
    first, second = np.zeros(400, bool), np.zeros(400, bool)
    first[:60], second[60:100] = True, True
    floor = stats.resolution_floor(stats.accuracy_influence(first) - stats.accuracy_influence(second))
    assert floor == pytest.approx(1.959964 * np.sqrt(0.25 / 400))
    for more, seen in ((19, False), (21, True)):
        table = [[0, (100 + more) / 2], [(100 - more) / 2, 300]]
        assert (mcnemar(table, exact=False, correction=False).pvalue < 0.05) == seen
        assert (more / 400 > floor) == seen


def test_the_percentile_interval_equals_scipys(rng: np.random.Generator) -> None:
    values = rng.normal(0.7, 0.1, 80)
    counts = stats.unit_draws(80, rng, 20_000)
    found = stats.percentile(values.mean(), values @ counts / 80)
    theirs = sp.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=rng).confidence_interval
    assert [found.low, found.high] == pytest.approx([theirs.low, theirs.high], abs=0.001)
    assert found.p < 2 / 20_001, "no draw on the other side of zero"


def test_p_of_no_difference_is_one() -> None:
    assert stats.percentile(0.0, np.zeros(100)).p == 1
    assert stats.percentile(0.0, np.array([-1.0, 1.0, np.nan, -1, 1])).p == 1


def test_p_beyond_the_resolution_of_the_draws_is_that_of_their_spread(rng: np.random.Generator) -> None:
    draws = rng.normal(0.08, 0.01, 4000)
    assert stats.percentile(0.08, draws).p == pytest.approx(2 * sp.norm.sf(0.08 / draws.std()))
    assert stats.percentile(0.08, np.full(4000, 0.08)).p == 2 / 4001


def test_p_of_the_bootstrap_is_that_of_a_t_test(rng: np.random.Generator) -> None:
    values = rng.normal(0.25, 1, 100)
    found = stats.percentile(values.mean(), values @ stats.unit_draws(100, rng, 40_000) / 100)
    assert found.p == pytest.approx(sp.ttest_1samp(values, 0).pvalue, rel=0.3)


def test_seeds_are_resampled_by_hand() -> None:
    draws = np.array([[0.5, 0.6, 0.7], [0.7, 0.8, 0.9]])
    assert stats.over_seeds(draws, np.array([[1, 2, 0], [1, 0, 2]])) == pytest.approx([0.6, 0.6, 0.9])


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_spread_of_resampled_seeds_is_that_of_their_mean(rng: np.random.Generator, seeds: int) -> None:
    scores = rng.normal(0.7, 0.1, seeds)
    draws = stats.over_seeds(np.tile(scores[:, None], (1, 40_000)), stats.seed_draws(seeds, rng, 40_000))
    assert draws.var() == pytest.approx(scores.var(ddof=1) / seeds, rel=0.05)
    assert draws.mean() == pytest.approx(scores.mean(), abs=0.002)


def test_one_seed_is_in_every_sample(rng: np.random.Generator) -> None:
    assert stats.seed_draws(1, rng, 3).tolist() == [[1, 1, 1]]


def test_corrected_t_by_hand() -> None:
    """Mean 0.02, S² = 0.0001, J = 3, ratio 1/3: variance 0.0001 (1/3 + 1/3)."""
    found = stats.corrected_t(np.array([0.01, 0.02, 0.03]), 1 / 3)
    error = np.sqrt(0.0001 * 2 / 3)
    assert found.value == pytest.approx(0.02)
    assert found.high - found.low == pytest.approx(2 * 4.302653 * error)
    assert found.inner[1] - found.inner[0] == pytest.approx(2 * 2.919986 * error)
    assert found.p == pytest.approx(2 * sp.t.sf(0.02 / error, 2))


def test_corrected_t_without_overlap_is_a_t_test(rng: np.random.Generator) -> None:
    values = rng.normal(0.3, 1, 10)
    theirs = sp.ttest_1samp(values, 0)
    found = stats.corrected_t(values, 0.0)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))


def test_corrected_t_of_equal_differences() -> None:
    nothing = stats.corrected_t(np.zeros(3), 0.3)
    assert (nothing.p, nothing.low, nothing.high) == (1, 0, 0)
    assert stats.verdict(nothing, 1.0) == "tied"
    noise = stats.corrected_t(np.array([0, 1e-17, 0]), 0.3)
    assert (noise.p, stats.verdict(noise, noise.p)) == (1, "tied"), "rounding is no difference"
    for value in (0.5, 0.003):
        found = stats.corrected_t(np.array([value, value + 1e-17, value * (1 + 1e-16)]), 0.3)
        assert found.value == pytest.approx(value)
        assert np.isnan([found.low, found.high, *found.inner, found.p]).all(), "no spread to compare it with"
        assert stats.verdict(found, found.p) == "undecided"
    apart = np.array([0.1, 0.1, 0.1 + 1e-9])  # of one pair of students in 31,000 times 31,000
    assert stats.corrected_t(apart, 0.3).p == pytest.approx(
        2 * sp.t.sf(0.1 / (np.sqrt(0.3 + 1 / 3) * apart.std(ddof=1)), 2)
    )


NAN = np.nan


@pytest.mark.parametrize(
    "found",
    [
        stats.corrected_t(np.array([0.1, NAN, 0.2]), 0.3),
        stats.corrected_t(np.full(3, NAN), 0.3),
        stats.percentile(NAN, np.array([0.1, 0.2, 0.3])),
        stats.percentile(0.1, np.full(5, NAN)),
    ],
    ids=["a fold", "all folds", "the value", "all draws"],
)
def test_nan_gives_nan_and_no_verdict(found: stats.Estimate) -> None:
    assert np.isnan([found.low, found.high, *found.inner, found.p]).all()
    assert stats.verdict(found, found.p) == "undecided"
    assert np.isnan(stats.holm(np.array([found.p]))).all()


def test_nan_stays_nan() -> None:
    positive, scores = np.array([True, False, True, False]), np.array([0.9, 0.1, NAN, 0.4])
    assert np.isnan(stats.auc(positive, scores)), "and does not rank above everybody"
    assert np.isnan(stats.auc_draws(positive, scores, np.ones((4, 3)))).all()
    assert np.isnan(stats.resolution_floor(stats.auc_influence(positive, scores)))
    assert np.isnan(stats.average_ranks(np.array([[0.1, NAN], [0.2, 0.3]]))).all()
    assert np.isnan(list(stats.variance_shares(np.array([[0.1, 0.2], [NAN, 0.4]])).values())).all()


def test_draws_without_spread_are_no_certainty() -> None:
    """Rounding is no spread: beyond the draws' resolution nothing is known."""
    assert stats.percentile(0.1, 0.1 + 1e-17 * np.arange(4000) % 3e-17).p == 2 / 4001


def test_draws_in_blocks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for students in (7, 50):
        whole = stats.unit_draws(students, np.random.default_rng(4), 100)
        monkeypatch.setattr(stats, "BLOCK", 7 * students)
        blocks = list(stats.unit_blocks(students, np.random.default_rng(4), 100))
        assert [block.shape[1] for block in blocks] == [7] * 14 + [2]
        assert np.array_equal(np.concatenate(blocks, axis=1), whole)


def test_holm_equals_statsmodels(rng: np.random.Generator) -> None:
    p = rng.random(12) ** 3
    assert stats.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert stats.holm(np.array([0.01, np.nan, 0.03])).tolist() == pytest.approx([0.02, np.nan, 0.03], nan_ok=True)


@pytest.mark.parametrize(
    ("value", "inner", "adjusted", "expected"),
    [
        (0.03, (0.01, 0.05), 0.01, "better"),
        (-0.03, (-0.05, -0.01), 0.01, "worse"),
        (0.03, (0.01, 0.05), 0.06, "undecided"),
        (0.001, (-0.004, 0.006), 0.8, "tied"),
        (0.004, (0.002, 0.006), 0.01, "tied"),  # told from zero, and too small to matter
        (0.001, (-0.02, 0.02), 0.9, "undecided"),
        (0.1, (np.nan, np.nan), np.nan, "undecided"),
    ],
)
def test_verdicts(value: float, inner: tuple[float, float], adjusted: float, expected: str) -> None:
    assert stats.verdict(stats.Estimate(value, 0, 0, inner, 0), adjusted) == expected


def test_equivalence_is_two_one_sided_t_tests(rng: np.random.Generator) -> None:
    for shift in np.linspace(-0.015, 0.015, 31):
        values = rng.normal(shift, 0.01, 12)
        sides = [sp.ttest_1samp(values, m, alternative=a).pvalue for m, a in ((-0.01, "greater"), (0.01, "less"))]
        assert stats.equivalent(stats.corrected_t(values, 0.0)) == (max(sides) < 0.05)


def test_ranks_by_hand() -> None:
    scores = np.array([[0.9, 0.8, 0.8], [0.7, 0.9, 0.6]])
    assert stats.average_ranks(scores).tolist() == [1.5, 1.75, 2.75]


def test_critical_difference_is_demsars() -> None:
    """The worked example of Demsar (2006, section 3.2.2): 4 models, 14 datasets, q = 2.569, CD = 1.25."""
    assert stats.critical_difference(4, 14) == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), rel=1e-3)


def test_critical_difference_is_where_nemenyis_p_is_five_percent(rng: np.random.Generator) -> None:
    scores = rng.normal([0, 0.5, 1, 2], 1, (12, 4))
    ranks, difference = stats.average_ranks(scores), stats.critical_difference(4, 12)
    p = scikit_posthocs.posthoc_nemenyi_friedman(scores).to_numpy()
    apart = np.abs(ranks[:, None] - ranks)
    off = ~np.eye(4, dtype=bool)
    assert ((apart >= difference) == (p < 0.05))[off].all()
    assert (apart[off] >= difference).any()


def grid(rng: np.random.Generator, splits: int, seeds: int) -> np.ndarray:
    split, seed = rng.normal(0, 0.03, (splits, 1)), rng.normal(0, 0.02, (1, seeds))
    return 0.7 + split + seed + rng.normal(0, 0.01, (splits, seeds))


def test_variance_shares_solve_statsmodels_mean_squares(rng: np.random.Generator) -> None:
    scores = grid(rng, 5, 4)
    rows = [(i, j, score) for (i, j), score in np.ndenumerate(scores)]
    frame = pd.DataFrame(rows, columns=["split", "seed", "score"])
    squares = anova_lm(smf.ols("score ~ C(split) + C(seed)", frame).fit())["mean_sq"]
    found = stats.variance_shares(scores)
    assert found["residual"] == pytest.approx(squares["Residual"])
    assert found["split"] == pytest.approx((squares["C(split)"] - squares["Residual"]) / 4)
    assert found["seed"] == pytest.approx((squares["C(seed)"] - squares["Residual"]) / 5)


def test_variance_shares_find_what_was_put_in(rng: np.random.Generator) -> None:
    means = pd.DataFrame([stats.variance_shares(grid(rng, 6, 5)) for _ in range(400)]).mean()
    assert means.tolist() == pytest.approx([0.03**2, 0.02**2, 0.01**2], rel=0.15)


def test_no_variance_has_no_shares() -> None:
    assert stats.variance_shares(np.full((3, 3), 0.5)) == {"split": 0, "seed": 0, "residual": 0}
