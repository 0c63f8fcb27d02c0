"""What searches tried, as tables and as a figure: budgets, gains, winners, expected bests, importances."""

import functools
import itertools
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from benchmarks import score, summary
from benchmarks.analysis import records
from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.records import Records
from benchmarks.analysis.rows import DASH
from benchmarks.analysis.trials import expected_maximum
from benchmarks.data.storage import write_json
from benchmarks.jobs.modules import load
from benchmarks.jobs.outcome import Outcome

MODELS = ["majority", "mlp", "bert-gcn", "gcn", "logistic"]
CALL = "snakemake --cores all"
PRUNED = -math.inf
VALUES = {
    ("model", "mlp", ""): {"0": [0.5, 0.7, 0.7], "1": [0.6, PRUNED, 0.5]},
    ("model", "bert-gcn", "minilm"): {"0": [0.8], "1": [0.6]},
    ("model", "logistic", ""): {"0": [math.nan, 0.5, 0.4], "1": [math.nan, math.nan, math.nan]},
    ("recipe", "minilm", ""): {"0": [0.5, 0.6], "1": [0.5, 0.4]},
}


def trials_of(values: dict) -> pd.DataFrame:
    rows = [
        {
            "dataset": "toy",
            "kind": kind,
            "name": name,
            "split": split,
            "trial": number,
            "value": value if math.isfinite(value) else math.nan,
            "recipe": recipe,
        }
        | {"state": "pruned" if value == PRUNED else "failed" if math.isnan(value) else "ok", "error": ""}
        | {"params": json.dumps({"lr": 0.01 + number})}
        for (kind, name, recipe), splits in values.items()
        for split, tried in splits.items()
        for number, value in enumerate(tried)
    ]
    return pd.DataFrame(rows, columns=COLUMNS["trials"])


def save(place: Path, trials: pd.DataFrame) -> Records:
    """Records of these trials, with runs that score 0.6 and 0.5 on the two splits, and a model that has failed."""
    place.mkdir()
    tests = [("0", 0, 0.55), ("0", 1, 0.65), ("1", 0, 0.5), ("1", 1, 0.5)]
    runs = [
        {"dataset": "toy", "model": model, "variant": variant, "split": split, "seed": seed, "students": 50}
        | {"prevalence": 0.3} | dict.fromkeys(records.METRICS, value if variant == "base" else 0.1)
        for model in ("mlp", "bert-gcn") for split, seed, value in tests for variant in ("base", "no edges")
    ]  # fmt: skip
    lost = Outcome("failed", "out of memory", "results/t/tuning/toy/gcn")
    ended = [
        {"dataset": "toy", "model": m, "variant": "base"} | vars(lost if m == "gcn" else Outcome("ok")) for m in MODELS
    ]
    frames = {"runs": runs, "classes": [], "outcomes": ended}
    for name, rows in frames.items():
        pd.DataFrame(rows, columns=COLUMNS[name]).to_parquet(place / f"{name}.parquet", index=False)
    trials.to_parquet(place / "trials.parquet", index=False)
    write_json(place / "card.json", {"kind": "binary", "target": "y", "text": "genuine", "classes": ["no", "yes"]})
    return records.load([place], MODELS, CALL)


@pytest.fixture
def found(tmp_path: Path) -> Records:
    return save(tmp_path / "toy", trials_of(VALUES))


@pytest.mark.parametrize("values", [[0.3, 0.9, 0.5], [0.5, 0.5, 0.1, 0.8], [0.7]])
def test_expected_maximum_equals_enumeration(values: list[float]) -> None:
    expected = [np.mean([max(draw) for draw in itertools.product(values, repeat=k)]) for k in (1, 2, 3, 4)]
    assert expected_maximum(np.array(values), 4).tolist() == pytest.approx(expected)


def test_the_table_adds_up(found: Records) -> None:
    frame = load("benchmarks.tables.tuning").make(found)
    mlp, ours, logistic, recipe = (row for _, row in frame.iterrows())
    assert [(row["Own", ""], row["Recipe's", ""], row["Both", ""]) for row in (mlp, ours, recipe)] == [
        (3, 0, 3), (1, 2, 3), (2, 0, 2)
    ]  # fmt: skip
    assert [mlp[state, ""] for state in ("OK", "Pruned", "Failed")] == [5, 1, 0]
    assert [logistic[state, ""] for state in ("OK", "Pruned", "Failed")] == [2, 0, 4]
    assert mlp["Winner", ""] == "1, 0", "the earliest among equals"
    assert mlp["Default", ""] == pytest.approx(0.55)
    assert mlp["Tuned", ""] == pytest.approx(0.65)
    assert mlp["Gain", "mean"] == pytest.approx(0.1)
    assert mlp["Gain", "sd"] == pytest.approx(np.std([0.2, 0.0], ddof=1))
    assert mlp["Test", ""] == pytest.approx(0.55), "the base variant only"
    assert mlp["Test less tuned", ""] == pytest.approx(-0.1)
    assert recipe["Tuned", ""] == pytest.approx(0.55)
    assert np.isnan(recipe["Test", ""])
    assert np.isnan(logistic["Default", ""]), "the defaults failed"
    assert [labels[1] for labels in frame.index] == ["MLP", "BERT+GCN", "Logistic", "recipe minilm"]


def test_a_failed_search_is_marked(tmp_path: Path) -> None:
    elsewhere = trials_of({("model", "gcn", ""): {"0": [0.5]}}).assign(dataset="other")
    frame = load("benchmarks.tables.tuning").make(save(tmp_path / "toy", pd.concat([trials_of(VALUES), elsewhere])))
    assert "GCN [a]" in [labels[1] for labels in frame.index]
    assert frame.attrs["notes"] == [
        "[a] failed: out of memory. Retry: snakemake --cores all -R results/t/tuning/toy/gcn"
    ]


def test_the_winning_values(found: Records) -> None:
    frame = load("benchmarks.tables.hyperparameters").make(found)
    assert frame["Default"].tolist() == ["0.01"] * 4
    assert frame["Tuned"].tolist() == ["1, 0.01", "0.01, 0.01", "1", "1, 0.01"]
    nothing = load("benchmarks.tables.hyperparameters").make(
        Records(**vars(found) | {"trials": trials_of({("model", "mlp", ""): {"0": [math.nan]}})})
    )
    assert nothing["Tuned"].tolist() == [DASH]


def test_a_recipe_is_paid_first(found: Records) -> None:
    figure = load("benchmarks.figures.tuning").make(found)
    mlp, ours, logistic = (line for line in figure.axes[0].get_lines() if len(line.get_xdata()))
    assert np.asarray(ours.get_xdata()).tolist() == [3]
    assert np.asarray(ours.get_ydata()).tolist() == pytest.approx([0.7])
    assert np.asarray(mlp.get_xdata()).tolist() == [1, 2, 3]
    pruned_as_worst = [expected_maximum(np.array(v), 3) for v in ([0.5, 0.7, 0.7], [0.6, 0.5, 0.5])]
    assert np.asarray(mlp.get_ydata()).tolist() == pytest.approx(np.mean(pruned_as_worst, axis=0))
    assert logistic.get_color() == "#888888"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["MLP", "BERT+GCN", "another model"]
    plt.close(figure)


@pytest.mark.parametrize("splits", [("0",), ("0", "1")])
def test_importances_from_twenty_trials_on(tmp_path: Path, splits: tuple[str, ...]) -> None:
    generator = np.random.default_rng(0)
    rate = functools.partial(generator.uniform, -4, -1)
    rows = [
        {"dataset": "toy", "kind": "model", "name": "mlp", "split": split, "trial": number, "state": "ok", "error": ""}
        | {"recipe": "", "value": math.log(lr) + 0.1 * wide}
        | {"params": json.dumps({"lr": lr, "wide": bool(wide), "one": 1})}
        for split in splits
        for number, (lr, wide) in enumerate(zip(10**rate(30), generator.integers(2, size=30), strict=True))
    ]  # fmt: skip
    trials = pd.DataFrame(rows, columns=COLUMNS["trials"])
    frame = load("benchmarks.tables.importances").make(save(tmp_path / "toy", trials))
    assert frame.index[0][2] == "lr"
    assert frame["Importance", "mean"].iloc[0] > 0.9
    assert frame["Importance", "mean"].sum() == pytest.approx(1)
    few = load("benchmarks.tables.importances").make(save(tmp_path / "few", trials[trials["trial"] < 19]))
    assert few.empty


def test_lost_trials_are_named_with_the_command_that_tries_them_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = save(tmp_path / "toy", trials_of(VALUES))
    rows = found.outcomes.set_index("model")
    rows.loc["mlp", ["reason", "origin"]] = "its search lost 2 trials", "results/t/tuning/toy/mlp"
    rows.reset_index().to_parquet(tmp_path / "toy" / "outcomes.parquet", index=False)
    assert summary.run([tmp_path / "toy"], CALL) == 1
    said = capsys.readouterr().out
    assert "4 of 5 cells are filled" in said
    again = f"{CALL} -R results/t/tuning/toy/mlp"
    assert f"short of trials: toy/mlp\n  why: its search lost 2 trials\n  again: {again}" in said
    notes = load("benchmarks.tables.tuning").make(records.load([tmp_path / "toy"], MODELS, CALL)).attrs["notes"]
    assert notes == [f"toy/mlp: its search lost 2 trials. Again: {again}"]


def test_score_charges_recipes(tmp_path: Path) -> None:
    for folder in ("data", "sealed", "tuning/bert-gcn", "tuning/mlp", "states/toy/minilm/selection"):
        (tmp_path / folder).mkdir(parents=True)
        Outcome("not available" if folder == "data" else "ok").write(tmp_path / folder)
    tried = {"trial": 0, "state": "ok", "value": 0.5, "params": "{}", "error": ""}
    tuning = [tmp_path / "tuning" / name for name in ("bert-gcn", "mlp")]
    for folder in tuning:
        write_json(folder / "trials.json", [{"split": "0", **tried}])
    search = tmp_path / "states/toy/minilm/selection"
    write_json(search / "trials.json", [{"split": "0", **tried}])
    score.run(
        "toy", tmp_path / "data", tmp_path / "sealed", [], tmp_path / "toy", tuning, [search],
        charges={"bert-gcn": "minilm"},
    )  # fmt: skip
    trials = pd.read_parquet(tmp_path / "toy" / "trials.parquet")
    assert trials[["kind", "name", "split", "recipe"]].to_numpy().tolist() == [
        ["model", "bert-gcn", "0", "minilm"], ["model", "mlp", "0", ""], ["recipe", "minilm", "0", ""]
    ]  # fmt: skip
