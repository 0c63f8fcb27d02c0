"""A family's cells fail alone, keep the seal, and become rows with their options."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT, run

from benchmarks.analysis.alerts import SHARES
from benchmarks.jobs import outcome
from benchmarks.planning.config import ConfigError, check

GRID = json.dumps({"labeled": [0.2, 0.9], "draw": [0, 1]})  # 90 % are more than a split has
CELLS = [f"labeled={share},draw={draw}" for share in (0.2, 0.9) for draw in (0, 1)]
MODEL = '''
"""Reads where it should not."""
from dataclasses import dataclass
from baselines.majority import Config as Config

def fit(config, view, seed, report):
    open("results/t/sealed/few/labeled=0.2,draw=0/labels.npz", "rb")
'''


def each(folder: Path, *command: str) -> outcome.Outcome:
    done = run(["sgn", *command, "--cells", GRID], folder)
    assert done.returncode == 0, done.stderr
    return outcome.read(folder / command[command.index("--output") + 1])


def train(folder: Path, name: str, model: str) -> outcome.Outcome:
    command = ["train", "--data", "results/t/data/few", "--model", model, "--splits", "0", "--seeds", "0"]
    command += ["--epochs", "2", "--patience", "1", "--cache", "cache", "--device", "cpu"]
    return each(folder, *command, "--output", f"results/t/predictions/few/{name}")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A family prepared, trained with two models, and scored."""
    folder = tmp_path_factory.mktemp("families")
    make = ["prepare", "--make", "benchmarks.datasets.synthetic", "--splits", "0", "--options", '{"students": 60}']
    each(folder, *make, "--mirror", "none", "--sealed-output", "results/t/sealed/few", "--output", "results/t/data/few")
    (folder / "nosy.py").write_text(MODEL, encoding="utf-8")
    train(folder, "majority", "baselines.majority")
    train(folder, "nosy", str(folder / "nosy.py"))
    paths = ["results/t/predictions/few/majority", "results/t/predictions/few/nosy"]
    score = ["sgn", "score", "--dataset", "few", "--grid", GRID, "--data", "results/t/data/few"]
    score += ["--sealed", "results/t/sealed/few", "--predictions", *paths, "--output", "results/t/records/few"]
    done = run(score, folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_cell_that_fails_loses_itself_alone(scored: Path) -> None:
    ends = {cell: outcome.read(scored / "results/t/data/few" / cell) for cell in CELLS}
    assert [end.status for end in ends.values()] == ["ok", "ok", "failed", "failed"]
    assert "labeled = 0.9; split '0' has the labels of 0.450" in ends[CELLS[3]].reason
    assert ends[CELLS[3]].origin == "results/t/data/few"
    assert outcome.read(scored / "results/t/data/few").status == "ok"


def test_what_follows_passes_a_cells_outcome_on(scored: Path) -> None:
    folder = scored / "results/t/predictions/few/majority"
    assert outcome.read(folder / CELLS[2]) == outcome.read(scored / "results/t/data/few" / CELLS[2])
    assert [path.name for path in (folder / CELLS[2]).iterdir()] == ["outcome.json"]


def test_rows_have_their_options_and_lost_cells_a_reason(scored: Path) -> None:
    records = scored / "results/t/records/few"
    runs = pd.read_parquet(records / "runs.parquet")
    assert sorted(zip(runs["labeled"], runs["draw"], runs["split"], strict=True)) == [(0.2, 0, "0"), (0.2, 1, "0")]
    alerts = pd.read_parquet(records / "alerts.parquet")
    assert len(alerts) == 2 * len(SHARES)
    assert set(alerts.columns) >= {"labeled", "model", "share", "precision", "recall", "lead"}
    lost = pd.read_parquet(records / "outcomes.parquet").set_index(["model", "variant"])
    assert lost.loc[("majority", "base"), "status"] == "ok"
    assert set(lost.loc["majority"].index) == {"base", *CELLS[2:]}
    assert lost.loc[("majority", CELLS[2]), "origin"] == "results/t/data/few"


def test_a_family_without_a_cell_left_has_failed(scored: Path) -> None:
    """Its model opens a sealed file, which the seal refuses in a cell as it does in a job."""
    end = outcome.read(scored / "results/t/predictions/few/nosy")
    assert end.status == "failed"
    assert "all 4 cells failed; the first: SealedError: results/t/sealed/few" in end.reason


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ({"trials": None}, r"datasets.few.trials is missing; expected 0"),
        ({"trials": 2}, r"datasets.few.trials = 2; expected 0, for models on their default"),
        ({"grid": {"labeled": [0.2, 1.5]}}, r"datasets.few.labeled = 1.5; expected a number from 0.0 to 1.0"),
        (
            {"students": 60, "grid": {"students": [60]}},
            r"datasets.few.grid.students: the option stands beside the grid",
        ),
        ({"splits": [0, "x"]}, r"datasets.few.splits: unknown split 'x'"),
        ({"seeds": [0, 1000]}, r"datasets.few.seeds, selection_seeds: \[1000\] stand in both"),
        ({"models": ["mlp", "oracles"]}, r"datasets.few.models: unknown 'oracles' \(did you mean 'oracle'\?\)"),
        (
            {"make": "benchmarks.datasets.mooc_ed", "models": ["oracle"]},
            r"datasets.few.models: unknown 'oracle'; allowed: ",
        ),
    ],
)
def test_a_wrong_family_is_refused(family: dict[str, Any], message: str) -> None:
    config = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text(encoding="utf-8"))
    right = {"make": "benchmarks.datasets.synthetic", "splits": [0], "grid": {"labeled": [0.2]}, "trials": 0}
    config["datasets"]["few"] = right | {"models": ["mlp", "oracle"]}
    check(config)
    config["datasets"]["few"] = {k: v for k, v in (config["datasets"]["few"] | family).items() if v is not None}
    with pytest.raises(ConfigError, match=message):
        check(config)
