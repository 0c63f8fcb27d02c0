"""Comparisons of rows, on predictions made up here: by hand, by metrics, by a bootstrap written out."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import learnable
from sklearn.metrics import roc_auc_score

from benchmarks import score as scoring
from benchmarks.analysis import records, stats
from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.comparisons import compare, score
from benchmarks.analysis.metrics import scores
from benchmarks.data import predictions
from benchmarks.data.storage import save_dataset, write_json
from benchmarks.data.targets import Sealed, Targets, of_students
from benchmarks.jobs.outcome import Outcome

BETTER = {"majority": 0.0, "mlp": 0.5, "gcn": 1.0, "bert-gcn": 2.0}
VALIDATION = {"mlp": 0.6, "gcn": 0.7, "bert-gcn": 0.8}


def toy(replication: str, splits: int, students: int = 200, seeds: int = 2) -> tuple[Sealed, dict]:
    """Binary labels and each model's chances; a variant of GCN says the same as GCN."""
    rng = np.random.default_rng(3)
    labels = {str(i): rng.integers(2, size=students) for i in range(splits)}
    predictions: dict[tuple[str, str], dict] = {}
    for model, strength in BETTER.items():
        for split, y in labels.items():
            for seed in range(seeds):
                chance = 1 / (1 + np.exp(-rng.normal(strength * (y - 0.5), 0.01 if model == "majority" else 0.7)))
                predictions.setdefault((model, "base"), {})[split, seed] = chance[:, None]
    predictions["gcn", "same"] = predictions["gcn", "base"]
    test = {s: of_students(students * place + np.arange(students), y) for place, (s, y) in enumerate(labels.items())}
    return sealed_of(replication, test, trained=2 * students), predictions


def sealed_of(replication: str, test: dict[str, Targets], trained: int) -> Sealed:
    """A binary task that is tested on these, and trained on so many others."""
    others = of_students(-np.arange(trained), np.zeros(trained, np.int64))
    return Sealed("binary", ("no", "yes"), replication, dict.fromkeys(test, others), {}, test)


def found(frame: pd.DataFrame, question: str, model: str) -> Any:
    """The one row of a question and model."""
    (row,) = frame[(frame["question"] == question) & (frame["model"] == model)].itertuples()
    return row


def test_scores_and_differences_are_those_of_the_metrics() -> None:
    sealed, predictions = toy("fixed", 1)
    frame = compare("toy", sealed, predictions, VALIDATION)
    mean = {
        model: np.mean([scores(sealed.test["0"].truth, predictions[model, "base"]["0", s])["roc_auc"] for s in (0, 1)])
        for model in BETTER
    }
    row = found(frame, "subject", "gcn")
    assert row.score == pytest.approx(mean["gcn"])
    assert row.difference == pytest.approx(mean["gcn"] - mean["bert-gcn"])
    assert row.low < row.difference < row.high < 0
    assert (row.verdict, row.metric, row.by, row.runs) == ("worse", "roc_auc", "students and seeds", 2)
    assert list(frame) == COLUMNS["comparisons"]


def test_a_fixed_split_is_a_bootstrap_over_students_and_seeds() -> None:
    sealed, predictions = toy("fixed", 1)
    labels, rng, draws = sealed.test["0"].truth, np.random.default_rng(11), []
    for _ in range(1000):
        students, seeds = rng.integers(200, size=200), rng.integers(2, size=1)
        one, two = (
            np.mean([roc_auc_score(labels[students], predictions[m, "base"]["0", s][students, 0]) for s in seeds])
            for m in ("mlp", "bert-gcn")
        )
        draws.append(one - two)
    row = found(compare("toy", sealed, predictions, VALIDATION), "subject", "mlp")
    assert [row.low, row.high] == pytest.approx(np.quantile(draws, [0.025, 0.975]).tolist(), abs=0.01)


def test_folds_are_a_corrected_t_of_fold_means() -> None:
    sealed, predictions = toy("folds", 4)
    frame = compare("toy", sealed, predictions, VALIDATION)
    each = [
        np.mean([
            score("binary", y, predictions["gcn", "base"][split, s])
            - score("binary", y, predictions["bert-gcn", "base"][split, s])
            for s in (0, 1)
        ])
        for split, y in ((split, test.truth) for split, test in sealed.test.items())
    ]  # fmt: skip
    row, expected = found(frame, "subject", "gcn"), stats.corrected_t(np.array(each), 0.5)
    assert (row.difference, row.low, row.high, row.p) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p)
    )
    assert row.by == "4 folds"
    assert row.runs == 8


@pytest.mark.parametrize("replication", ["fixed", "folds", "groups"])
def test_a_row_is_the_same_however_many_draws_are_made_at_once(
    monkeypatch: pytest.MonkeyPatch, replication: str
) -> None:
    sealed, predictions = toy(replication, 3, students=60)
    whole = compare("toy", sealed, predictions, VALIDATION)
    monkeypatch.setattr(stats, "BLOCK", 60_000)
    pd.testing.assert_frame_equal(compare("toy", sealed, predictions, VALIDATION), whole, check_exact=True)


def test_the_bootstrap_holds_few_draws_at_once() -> None:
    """All 4,000 draws of 20,000 students alone would take 0.6 GB."""
    rng = np.random.default_rng(0)
    labels, who = rng.integers(2, size=20_000), np.arange(20_000)
    chances = {model: rng.normal(labels, 1.0)[:, None] for model in ("mlp", "bert-gcn")}
    predictions = {(model, "base"): {("0", 0): chance} for model, chance in chances.items()}
    tracemalloc.start()
    compare("toy", sealed_of("fixed", {"0": of_students(who, labels)}, 9), predictions, {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400e6


@pytest.mark.parametrize("replication", ["fixed", "folds", "groups"])
def test_where_a_score_is_not_defined_there_is_no_verdict(replication: str) -> None:
    """Split 1 tests one class only: not by ROC-AUC is anybody better or worse, and nobody is the best."""
    sealed, predictions = toy(replication, 3)
    sealed.test["1"].truth[:] = 1
    frame = compare("toy", sealed, predictions, VALIDATION)
    lost = frame[frame["split"].isin(["", "1"])]
    assert set(lost["verdict"]) == {"undecided"}
    assert lost[["score", "difference", "low", "high", "p", "p_adjusted"]].isna().all(axis=None)
    assert "best" not in set(lost["question"])
    assert frame["difference"].notna().sum() == (frame["split"].isin(["0", "2"])).sum()


def test_a_row_without_a_score_is_neither_best_nor_the_strongest_baseline() -> None:
    sealed, predictions = toy("folds", 3)
    predictions["majority", "base"] = {cell: chance * np.nan for cell, chance in predictions["gcn", "base"].items()}
    frame = compare("toy", sealed, predictions, {"majority": np.nan, **VALIDATION})
    assert set(frame.loc[frame["question"] == "best", "reference"]) == {"bert-gcn"}
    assert set(frame.loc[frame["question"] == "baseline", "reference"]) == {"gcn"}
    of = frame[(frame["model"] == "majority") | (frame["reference"] == "majority")]
    assert set(of["verdict"]) == {"undecided"}
    assert len(of) == 3


def test_the_same_difference_in_each_fold_is_undecided() -> None:
    """A perfect row and a constant one: 0.5 apart in each of three folds, which shows no spread."""
    sealed, predictions = toy("folds", 3)
    for (split, seed), _ in predictions["gcn", "base"].items():
        predictions["gcn", "base"][split, seed] = sealed.test[split].truth[:, None].astype(float)
        predictions["mlp", "base"][split, seed] = np.full((200, 1), 0.3)
        predictions["majority", "base"][split, seed] = np.full((200, 1), 0.25)
    frame = compare("toy", sealed, predictions, VALIDATION)
    row = found(frame, "best", "mlp")
    assert (row.difference, row.verdict, row.reference) == (-0.5, "undecided", "gcn")
    assert np.isnan([row.p, row.low, row.high]).all()
    assert (row.score_low, row.score_high) == (0.5, 0.5), "a row's own score is refused nothing"
    assert (row.reference_low, row.reference_high) == (1, 1)
    assert (
        found(
            compare(
                "toy",
                sealed,
                {r: predictions[r] for r in [("mlp", "base"), ("majority", "base")]},
                {"mlp": 1, "majority": 1},
            ),
            "best",
            "majority",
        ).verdict
        == "tied"
    )


def test_two_folds_have_no_spread_of_their_own() -> None:
    sealed, predictions = toy("folds", 2)
    assert set(compare("toy", sealed, predictions, VALIDATION)["by"]) == {"students and seeds"}


def test_groups_stand_alone() -> None:
    sealed, predictions = toy("groups", 2)
    frame = compare("toy", sealed, predictions, VALIDATION)
    of = frame[(frame["question"] == "subject") & (frame["model"] == "gcn")]
    assert of["split"].tolist() == ["0", "1"]
    alone = sealed_of("fixed", {"0": sealed.test["0"]}, 400)
    first = {row: {c: p for c, p in runs.items() if c[0] == "0"} for row, runs in predictions.items()}
    row = found(compare("toy", alone, first, VALIDATION), "subject", "gcn")
    assert of[["difference", "low", "high"]].iloc[0].tolist() == [row.difference, row.low, row.high]


def test_questions_and_who_is_asked() -> None:
    frame = compare("toy", *toy("fixed", 1), VALIDATION)
    asked = {q: set(zip(of["model"], of["reference"], strict=True)) for q, of in frame.groupby("question")}
    assert asked == {
        "subject": {("majority", "bert-gcn"), ("mlp", "bert-gcn"), ("gcn", "bert-gcn")},
        "baseline": {("majority", "gcn"), ("mlp", "gcn"), ("bert-gcn", "gcn")},
        "best": {("mlp", "bert-gcn"), ("gcn", "bert-gcn")},  # controls do not compete
        "base": {("gcn", "gcn")},
    }


def test_the_strongest_baseline_is_named_without_test_labels() -> None:
    sealed, predictions = toy("fixed", 1)
    flipped = sealed_of("fixed", {"0": replace(sealed.test["0"], truth=1 - sealed.test["0"].truth)}, 400)
    for labels in (sealed, flipped):
        frame = compare("toy", labels, predictions, VALIDATION | {"mlp": 0.9})
        assert set(frame.loc[frame["question"] == "baseline", "reference"]) == {"mlp"}


def test_holm_is_over_the_comparisons_of_a_question() -> None:
    frame = compare("toy", *toy("folds", 3), VALIDATION)
    for _, of in frame.groupby("question"):
        unseen = 1 if of["question"].iloc[0] == "best" else 0  # three tuned rows are three pairs
        adjusted = stats.holm(np.append(of["p"].to_numpy(), np.ones(unseen)))
        assert of["p_adjusted"].tolist() == adjusted[: len(of)].tolist()


def test_the_luck_of_a_student_whom_two_splits_test_is_one() -> None:
    sealed, predictions = toy("fixed", 1)
    both = sealed_of("fixed", dict.fromkeys("01", sealed.test["0"]), 400)
    same = {row: runs | {("1", seed): p for (_, seed), p in runs.items()} for row, runs in predictions.items()}
    once, again = (
        found(compare("toy", *of, VALIDATION), "subject", "gcn") for of in ((sealed, predictions), (both, same))
    )
    assert (again.low, again.high) == pytest.approx((once.low, once.high))


def test_a_row_that_says_the_same_is_tied() -> None:
    frame = compare("toy", *toy("fixed", 1), VALIDATION)
    (row,) = frame[frame["variant"] == "same"].itertuples()
    assert (row.difference, row.p, row.verdict, row.floor) == (0, 1, "tied", 0)


def test_a_variant_may_be_compared_with_another_one() -> None:
    sealed, predictions = toy("fixed", 1)
    predictions["gcn", "more"] = predictions["mlp", "base"]
    plain, named = (compare("toy", sealed, predictions, VALIDATION, *of) for of in ((), ({"gcn": {"more": "same"}},)))
    asked = ["model", "variant", "reference", "reference_variant"]
    of = [frame[frame["question"] == "base"][asked].to_numpy().tolist() for frame in (plain, named)]
    assert of[0] == [["gcn", "same", "gcn", "base"], ["gcn", "more", "gcn", "base"]]
    assert of[1] == [["gcn", "same", "gcn", "base"], ["gcn", "more", "gcn", "same"]]
    del predictions["gcn", "same"]
    assert "base" not in set(compare("toy", sealed, predictions, VALIDATION, {"gcn": {"more": "same"}})["question"])


def test_rows_are_compared_on_the_same_runs_only() -> None:
    sealed, predictions = toy("fixed", 1)
    predictions["gcn", "same"] = {("0", 0): predictions["gcn", "base"]["0", 0]}
    assert "base" not in set(compare("toy", sealed, predictions, VALIDATION)["question"])


def test_nothing_to_compare() -> None:
    sealed, predictions = toy("fixed", 1)
    frame = compare("toy", sealed, {("majority", "base"): predictions["majority", "base"]}, {})
    assert frame.empty
    assert list(frame) == COLUMNS["comparisons"]


def test_several_classes_are_judged_by_accuracy_and_several_questions_by_their_mean_area() -> None:
    labels = np.array([0, 1, 2, 2])
    assert score("multiclass", labels, np.eye(3)[[0, 1, 2, 0]]) == 0.75
    answers = np.array([[0, 1], [1, 0], [1, -1], [0, 1]])
    chances = np.array([[0.1, 0.7], [0.8, 0.6], [0.3, 0.9], [0.5, 0.2]])
    assert score("multilabel", answers, chances) == pytest.approx(scores(answers, chances)["roc_auc"])


def test_score_writes_them_and_records_hold_them(tmp_path: Path) -> None:
    """The stronger model on validation is the reference; older records, without these files, load as well."""
    dataset = learnable()
    for name in ("data", "sealed"):
        (tmp_path / name).mkdir()
    save_dataset(dataset, tmp_path / "data", tmp_path / "sealed")
    Outcome("ok").write(tmp_path / "data")
    rng = np.random.default_rng(0)
    for model, strength in BETTER.items():
        chances = rng.normal(strength * dataset.labels[:, None], 0.7, (len(dataset.labels), 1))
        folder, tuning = tmp_path / "predictions" / model, tmp_path / "tuning" / model
        for place in (folder, tuning):
            place.mkdir(parents=True)
            Outcome("ok").write(place)
        write_json(tuning / "trials.json", [])
        sure = 1 / (1 + np.exp(-chances))
        sides = {
            n: {side: sure[getattr(s, side)] for side in ("validation", "test")} for n, s in dataset.splits.items()
        }
        predictions.save(folder, {("base", name, 0): of for name, of in sides.items()})
    folders, tunings = ([tmp_path / kind / m for m in BETTER] for kind in ("predictions", "tuning"))
    out = tmp_path / "toy"
    scoring.run("toy", tmp_path / "data", tmp_path / "sealed", folders, out, tuning=tunings[1:])
    found = records.load([out], list(BETTER), "snakemake")
    assert set(found.comparisons.loc[found.comparisons["question"] == "baseline", "reference"]) == {"gcn"}
    assert set(found.calibration["model"]) == set(BETTER)
    of = found.calibration[found.calibration["model"] == "gcn"]
    assert of["share"].sum() == pytest.approx(2), "two runs"
    for name in ("comparisons", "calibration"):
        (out / f"{name}.parquet").unlink()
    older = records.load([out], list(BETTER), "snakemake")
    assert older.comparisons.empty
    assert older.calibration.empty
