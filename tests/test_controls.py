"""Controls, on predictions made up here: what holds, and failures that are planted and must be found."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from benchmarks import check_controls
from benchmarks.analysis import controls
from benchmarks.analysis import records as loading
from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.controls import (
    FAILS,
    HOLDS,
    POWERLESS,
    UNCHECKED,
    at_chance,
    judged,
    paired,
    ranked,
    sentences,
    shown,
)
from benchmarks.data.storage import write_json
from benchmarks.data.targets import Targets, of_students
from benchmarks.jobs.outcome import Outcome
from benchmarks.tables import controls as controls_table

PERMUTED, SHUFFLED = ("bert-gcn", "permuted labels"), ("bert-gcn", "shuffled text")
BERT_GCN, ORACLE = ("bert-gcn", "base"), ("oracle", "base")
STUDENTS, DRAWS = 300, 10


def chances(rng: np.random.Generator, labels: np.ndarray, strength: float) -> np.ndarray:
    """Probabilities [n, 1] that tell labels by so many standard deviations."""
    return 1 / (1 + np.exp(-rng.normal(strength * (labels - 0.5), 1)))[:, None]


def toy(**strengths: float) -> tuple[dict[str, Targets], dict]:
    """Who is tested by two splits, and rows: sound ones, but for those whose strength is given."""
    rng = np.random.default_rng(5)
    labels = {split: (rng.random(STUDENTS) < 0.4).astype(np.int64) for split in ("0", "1")}
    sound = {"permuted": 0.0, "shuffled": 1.0, "bert_gcn": 2.0, "oracle": 2.2} | strengths
    tilt = iter(rng.normal(0, 0.5, 2 * DRAWS))  # what a draw favors by luck, as states and graph let it
    of = {PERMUTED: range(DRAWS), SHUFFLED: range(2), BERT_GCN: range(2), ORACLE: range(2)}
    rows: dict = {row: {} for row in of}
    for (row, seeds), strength in zip(of.items(), sound.values(), strict=True):
        for split, seed in itertools.product(labels, seeds):
            lucky = next(tilt) if row == PERMUTED else 0.0
            rows[row][split, seed] = chances(rng, labels[split], strength + lucky)
    return targets(labels), rows


def targets(labels: dict[str, np.ndarray]) -> dict[str, Targets]:
    """Other students in each split."""
    return {s: of_students(10_000 * place + np.arange(len(y)), y) for place, (s, y) in enumerate(labels.items())}


def verdicts(text_matters: bool = True, **strengths: float) -> pd.DataFrame:
    frame = pd.DataFrame(shown("binary", *toy(**strengths), text_matters)).assign(dataset="toy")
    assert set(frame) == set(COLUMNS["controls"])
    return judged(frame).set_index(["control", "variant"])


def test_sound_rows_hold() -> None:
    found = verdicts()
    assert set(found["verdict"]) == {HOLDS}
    assert sorted(found.index) == [
        ("oracle", "base"), ("oracle", "permuted labels"), ("oracle", "shuffled text"),
        ("permuted labels", "permuted labels"), ("shuffled text", "shuffled text"),
    ]  # fmt: skip
    assert "shuffled text" not in verdicts(text_matters=False).index.get_level_values("control")


@pytest.mark.parametrize(
    ("planted", "control", "variant", "meaning"),
    [
        ({"permuted": 1.0}, "permuted labels", "permuted labels", "True labels reach it"),
        ({"permuted": -1.0}, "permuted labels", "permuted labels", "True labels reach it"),
        ({"shuffled": 4.0, "bert_gcn": 0.5}, "shuffled text", "shuffled text", "text_matters"),
        ({"bert_gcn": 3.5}, "oracle", "base", "labels have leaked"),
    ],
    ids=["labels leak", "labels leak the other way", "shuffled text wins", "the oracle is beaten"],
)
def test_a_planted_failure_is_found_and_named(planted: dict, control: str, variant: str, meaning: str) -> None:
    found = verdicts(**planted)
    assert found.loc[(control, variant), "verdict"] == FAILS
    (line,) = (line for line in sentences(found.loc[[(control, variant)]].reset_index()))
    assert line.startswith("FAILS: toy: BERT+GCN")
    assert meaning in line


def test_the_table_shows_the_row_that_comes_nearest_to_failing() -> None:
    rows = [
        {"model": "gcn", "value": 0.01},
        {"model": "bert-gcn", "value": -0.4},  # to either side
        {"model": "mlp", "value": 0.2},
    ]
    of = {"dataset": "toy", "control": "permuted labels", "variant": "permuted labels", "runs": 8, "error": 0.01}
    found = pd.DataFrame([of | {"freedom": 7} | row for row in rows])
    empty = loading.load([], ["gcn", "bert-gcn", "mlp"], "snakemake")
    shown_in_table = controls_table.make(replace(empty, controls=found, datasets=["toy"]))
    assert shown_in_table["Row"].tolist() == ["BERT+GCN"]
    assert shown_in_table["Of"].tolist() == [3]
    assert shown_in_table["Verdict"].tolist() == [FAILS]


def test_a_draw_far_off_chance_is_no_failure_but_a_band_of_one_run_would_say_so() -> None:
    """The spread of draws is what their mean is compared with, not that of exchangeable students."""
    tests, rows = toy()
    areas = np.array([ranked("binary", tests[split].truth, p) for (split, _), p in rows[PERMUTED].items()])
    one_run = np.sqrt((STUDENTS + 1) / (12 * 0.24 * STUDENTS**2))  # Mann-Whitney's, of 40 % positives
    assert np.abs(areas - 0.5).max() > 4 * one_run
    assert verdicts().loc[("permuted labels", "permuted labels"), "verdict"] == HOLDS


def test_off_chance_is_a_t_test_of_the_draws_whose_splits_count_as_one() -> None:
    tests, rows = toy(permuted=0.2)
    found = at_chance("binary", tests, rows[PERMUTED])
    areas = [
        np.mean([roc_auc_score(tests[split].truth, rows[PERMUTED][split, seed][:, 0]) for split in tests])
        for seed in range(DRAWS)
    ]
    theirs = scipy_stats.ttest_1samp(areas, 0.5)
    assert found["value"] / found["error"] == pytest.approx(theirs.statistic)
    assert (found["runs"], found["freedom"]) == (2 * DRAWS, theirs.df)


def test_a_bound_that_chance_cannot_be_missed_by_is_no_control() -> None:
    tests, _ = toy()
    y = tests["0"].truth
    wild = {("0", seed): chances(np.random.default_rng(seed), y, 8.0 * (-1) ** seed) for seed in range(3)}
    frame = pd.DataFrame([at_chance("binary", tests, wild)]).assign(control="permuted labels", dataset="toy")
    found = judged(frame.assign(model="bert-gcn", variant="permuted labels"))
    assert found["verdict"].tolist() == [POWERLESS]


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_test_side_with_one_class_ranks_nobody_and_is_not_checked(kind: str) -> None:
    tests, rows = toy()
    answers = {cell: np.hstack([1 - p, p]) if kind == "multiclass" else p for cell, p in rows[PERMUTED].items()}
    one = tests | {"1": replace(tests["1"], truth=np.zeros(STUDENTS, np.int64))}
    assert np.isnan(ranked(kind, one["1"].truth, answers["1", 0]))
    found = at_chance(kind, one, answers)
    assert np.isnan([found["value"], found["error"]]).all(), "no draw's mean leaves a split out"
    both = paired("binary", one, rows[BERT_GCN], rows[ORACLE])
    frame = pd.DataFrame([found, both]).assign(dataset="toy", model="bert-gcn", variant="permuted labels")
    frame["control"] = ["permuted labels", "oracle"]
    assert judged(frame)["verdict"].tolist() == [UNCHECKED, UNCHECKED]


def test_one_draw_shows_no_noise_and_is_not_checked() -> None:
    tests, rows = toy()
    one = {key: p for key, p in rows[PERMUTED].items() if key == ("0", 0)}
    frame = pd.DataFrame([at_chance("binary", tests, one)]).assign(control="permuted labels", dataset="toy")
    found = judged(frame.assign(model="bert-gcn", variant="permuted labels"))
    assert found["verdict"].tolist() == [UNCHECKED]
    assert next(sentences(found)).startswith("not checked: toy: BERT+GCN, permuted labels: 1 runs")


def test_ranked_pairs_are_half_right_over_all_names_of_the_classes() -> None:
    """Whatever a row has learned: which is why the classes of permuted labels swap names, and why pairs are counted."""
    rng = np.random.default_rng(0)
    labels = rng.choice(3, p=[0.7, 0.2, 0.1], size=80)
    answers = rng.dirichlet(np.ones(3), size=80) + np.eye(3)[labels] * [0.8, 0.1, 0.1]
    each = [ranked("multiclass", labels, answers[:, list(names)]) for names in itertools.permutations(range(3))]
    assert np.mean(each) == pytest.approx(0.5, abs=1e-12)
    assert np.ptp(each) > 0.1
    macro = [roc_auc_score(labels == c, answers[:, n[c]]) for n in itertools.permutations(range(3)) for c in range(3)]
    assert abs(np.mean(macro) - 0.5) > 0.005, "a plain mean over classes is not"


def test_unknown_answers_are_not_ranked() -> None:
    labels, answers = (
        np.array([[1, -1], [0, 1], [0, 0], [1, 0]]),
        np.array([[0.9, 0.9], [0.1, 0.8], [0.2, 0.9], [0.15, 0.1]]),
    )
    expected = (4 * roc_auc_score([1, 0, 0, 1], answers[:, 0]) + 2 * roc_auc_score([1, 0, 0], answers[1:, 1])) / 6
    assert ranked("multilabel", labels, answers) == pytest.approx(expected)


def test_paired_noise_is_disagreement_and_seeds() -> None:
    labels = {"0": np.array([0, 1, 2, 0, 1, 2, 0, 1])}
    right, wrong = np.eye(3)[labels["0"]], np.eye(3)[(labels["0"] + 1) % 3]
    one = {("0", 0): right, ("0", 1): np.concatenate([wrong[:4], right[4:]])}
    found = paired("multiclass", targets(labels), one, {("0", 0): np.concatenate([right[:6], wrong[6:]])})
    assert found["value"] == pytest.approx(0.75 - 0.75)
    moved = np.array([-0.5] * 4 + [0, 0, 1, 1]) / 8  # of a student, mean over seeds
    assert found["error"] == pytest.approx(np.sqrt((moved**2).sum() + np.var([1, 0.5], ddof=1) / 2))


def test_cells_of_the_same_students_are_not_so_many_tests() -> None:
    """25 cells of a family have the luck of one; 25 splits of others have a fifth of it."""
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=STUDENTS)
    one, two = (chances(rng, labels, 1.0) for _ in range(2))
    cells = [f"text={i}/0" for i in range(25)]
    tested = of_students(np.arange(STUDENTS), labels)
    same = paired("binary", dict.fromkeys(cells, tested), {(c, 0): one for c in cells}, {(c, 0): two for c in cells})
    alone = paired("binary", {"0": tested}, {("0", 0): one}, {("0", 0): two})
    assert same["error"] == pytest.approx(alone["error"])
    assert same["value"] == pytest.approx(alone["value"])
    others = {c: rng.permutation(labels) for c in cells}
    apart = [{(c, 0): chances(rng, others[c], 1.0) for c in cells} for _ in range(2)]
    assert paired("binary", targets(others), *apart)["error"] == pytest.approx(alone["error"] / 5, rel=0.2)


def test_all_controls_together_fail_once_in_a_thousand_tiers() -> None:
    rng = np.random.default_rng(2)
    draws = rng.normal(0.5, 0.1, (1200, 12))
    frame = pd.DataFrame({"value": draws.mean(1) - 0.5, "error": draws.std(1, ddof=1) / np.sqrt(12), "freedom": 11.0})
    frame = frame.assign(control="permuted labels")
    tiers = [judged(frame[i : i + 4])["verdict"].eq(FAILS).any() for i in range(0, len(frame), 4)]
    assert np.sum(tiers) <= scipy_stats.binom.ppf(0.9999, len(tiers), controls.LEVEL)
    loose = student_rate(frame)
    assert loose == pytest.approx(0.05, abs=0.02), "the draws are those of a t test"


def student_rate(frame: pd.DataFrame) -> float:
    """How often the same values pass 5 %."""
    p = 2 * scipy_stats.t.sf((frame["value"] / frame["error"]).abs(), 11)
    return float((p < 0.05).mean())


def records(folder: Path, found: list[dict], lost: list[dict] = []) -> Path:  # noqa: B006
    """Records of a dataset that has these controls, and outcomes of lost variants."""
    folder.mkdir(parents=True)
    outcomes = [{"dataset": folder.name, "model": "bert-gcn", "variant": "base", **vars(Outcome("ok"))}, *lost]
    frames = {"runs": [], "classes": [], "trials": [], "outcomes": outcomes, "controls": found}
    for name, rows in frames.items():
        pd.DataFrame(rows, columns=COLUMNS[name]).to_parquet(folder / f"{name}.parquet", index=False)
    write_json(
        folder / "card.json", {"kind": "binary", "target": "drops out", "text": "none", "classes": ["no", "yes"]}
    )
    return folder


def permuted_row(dataset: str, value: float) -> dict:
    row = {"dataset": dataset, "control": "permuted labels", "model": "bert-gcn", "variant": "permuted labels"}
    return row | {"runs": 10, "value": value, "error": 0.01, "freedom": 9.0}


def test_the_verb_ends_with_1_and_no_verdict_where_a_control_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    folders = [
        records(tmp_path / name, [permuted_row(name, value)]) for name, value in (("calm", 0.02), ("leaky", 0.3))
    ]
    verdict = tmp_path / "controls.txt"
    assert check_controls.run(folders, "snakemake", verdict) == 1
    head, first, second, *_ = capsys.readouterr().out.splitlines()
    assert head == "1 of 2 controls fail (family-wise level 0.1%)."
    assert first.startswith("FAILS: leaky: BERT+GCN, permuted labels ranks at chance: off by +0.300 over 10 runs, ±0.0")
    assert second.startswith("holds: calm")
    assert not verdict.exists()


def test_the_verb_writes_what_holds_and_what_is_not_checked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    lost = {"dataset": "calm", "model": "bert-gcn", "variant": "shuffled text", **vars(Outcome("failed", "no memory"))}
    folder, verdict = records(tmp_path / "calm", [permuted_row("calm", 0.02)], [lost]), tmp_path / "controls.txt"
    assert check_controls.run([folder], "snakemake", verdict) == 0
    assert verdict.read_text(encoding="utf-8") == capsys.readouterr().out
    assert "not checked: calm: bert-gcn, shuffled text: no memory" in verdict.read_text(encoding="utf-8")


def test_a_lost_oracle_and_a_lost_family_are_not_checked(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    lost = {"dataset": "calm", "model": "oracle", "variant": "base", **vars(Outcome("failed", "no end"))}
    folder = records(tmp_path / "calm", [permuted_row("calm", 0.02)], [lost])
    assert check_controls.run([folder], "snakemake", tmp_path / "controls.txt", [tmp_path / "phase"]) == 0
    said = capsys.readouterr().out
    assert "not checked: calm: oracle, base: no end" in said
    assert "not checked: phase: it has no records" in said


def test_families_have_controls_too(tmp_path: Path) -> None:
    family = records(tmp_path / "phase", [permuted_row("phase", 0.4)])
    pd.DataFrame(columns=COLUMNS["alerts"]).to_parquet(family / "alerts.parquet")
    assert check_controls.run([], "snakemake", tmp_path / "controls.txt", [family]) == 1
