"""A family's cells fail alone, keep the seal, and become rows with their options."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT, run

from benchmarks.analysis.alerts import SHARES
from benchmarks.jobs import outcome
from benchmarks.jobs.source import _parsed, code_hash
from benchmarks.planning.config import ConfigError, check

GRID = json.dumps({"labeled": [0.2, 0.9], "split": [0, 1]})  # 90 % are more than a split has
OPTIONS = json.dumps({"students": 60})
CELLS = [f"labeled={share},split={split}" for share in (0.2, 0.9) for split in (0, 1)]
MODEL = '''
"""Reads where it should not."""
from dataclasses import dataclass
from baselines.majority import Config as Config

def fit(config, view, seed, report):
    open("results/t/sealed/few/labeled=0.2,split=0/labels.npz", "rb")
'''


def each(folder: Path, output: str, *command: str, flags: tuple[str, ...] = ()) -> outcome.Outcome:
    asked = ["sgn", "each", "--grid", GRID, "--options", OPTIONS, *flags, "--output", output, "--command", *command]
    done = run(asked, folder)
    assert done.returncode == 0, done.stderr
    return outcome.read(folder / output)


def train(folder: Path, name: str, model: str) -> outcome.Outcome:
    command = ["train", "--data", "results/t/data/few/{cell}", "--model", model, "--splits", "{split}", "--seeds", "0"]
    command += ["--epochs", "2", "--patience", "1", "--cache", "cache", "--device", "cpu"]
    return each(folder, f"results/t/predictions/few/{name}", *command)


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A family prepared, trained with two models, and scored."""
    folder = tmp_path_factory.mktemp("families")
    make = ["prepare", "--make", "benchmarks.datasets.synthetic", "--splits", "{split}", "--options", "{options}"]
    sealed = ("--sealed-output", "results/t/sealed/few")
    each(folder, "results/t/data/few", *make, "--mirror", "none", flags=sealed)
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
    assert "labeled = 0.9; split '1' has the labels of 0.450" in ends[CELLS[3]].reason
    assert ends[CELLS[3]].origin == "results/t/data/few"
    assert outcome.read(scored / "results/t/data/few").status == "ok"


def test_what_follows_passes_a_cells_outcome_on(scored: Path) -> None:
    folder = scored / "results/t/predictions/few/majority"
    assert outcome.read(folder / CELLS[2]) == outcome.read(scored / "results/t/data/few" / CELLS[2])
    assert [path.name for path in (folder / CELLS[2]).iterdir()] == ["outcome.json"]


def test_rows_have_their_options_and_lost_cells_a_reason(scored: Path) -> None:
    records = scored / "results/t/records/few"
    runs = pd.read_parquet(records / "runs.parquet")
    assert sorted(zip(runs["labeled"], runs["split"], strict=True)) == [(0.2, "0"), (0.2, "1")]
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


def test_cells_do_not_hang_on_the_list_of_verbs(tmp_path: Path) -> None:
    for part in ("benchmarks", "sgn"):
        shutil.copytree(ROOT / part, tmp_path / part)
    before = code_hash("benchmarks.each", root=tmp_path)
    for name, same in (("cli", True), ("jobs/flags", False)):
        with (tmp_path / "benchmarks" / f"{name}.py").open("a", encoding="utf-8") as file:
            file.write("CHANGED = True\n")
        _parsed.cache_clear()
        assert (code_hash("benchmarks.each", root=tmp_path) == before) == same


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ({"options": {}}, r"families.few: 'split' is missing among the options and in the grid"),
        ({"grid": {"labeled": [0.2, 1.5]}}, r"families.few.labeled = 1.5; expected a number from 0.0 to 1.0"),
        ({"grid": {"split": [0, "x"]}}, r"families.few.split: unknown split 'x'"),
        ({"models": ["mlp", "oracles"]}, r"families.few.models: unknown 'oracles' \(did you mean 'oracle'\?\)"),
        (
            {"make": "benchmarks.datasets.mooc_ed", "models": ["oracle"]},
            r"families.few.models: unknown 'oracle'; allowed: ",
        ),
    ],
)
def test_a_wrong_family_is_refused(family: dict[str, Any], message: str) -> None:
    config = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text(encoding="utf-8"))
    right = {"make": "benchmarks.datasets.synthetic", "options": {"split": 0}, "grid": {"labeled": [0.2]}}
    config["families"]["few"] = right | {"seeds": [0], "models": ["mlp", "oracle"]}
    check(config)
    config["families"]["few"] |= family
    with pytest.raises(ConfigError, match=message):
        check(config)
