"""What the committed reference records say must hold: no model knows more than can be known."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

RECORDS = sorted((ROOT / "results" / "reference").glob("*/records/*/runs.parquet"))
DIALS = ("text_signal", "graph_signal", "draw", "labeled", "cutoff")
ENOUGH = 10  # networks from which a mean over networks is told apart from chance by their own spread


def differences(file: Path) -> pd.DataFrame:
    """Accuracy of each model less the joint oracle's, on the same test students of the same network and split.

    A row a network and split, seeds averaged; column `error` is the largest standard error that a difference of no
    more than zero can have: a student counts 1 or -1 where one of the two is right alone, which happens to no more
    than the students that either gets wrong.
    """
    runs = pd.read_parquet(file)
    runs = runs[runs["variant"] == "base"]
    if "oracle" not in set(runs["model"]):
        pytest.skip("no oracle: this dataset's optimum is not known")
    of = [*(dial for dial in DIALS if dial in runs), "split"]
    mean = runs.groupby([*of, "model"], as_index=False)[["accuracy", "students"]].mean()
    oracle = mean[mean["model"] == "oracle"].set_index(of)["accuracy"].rename("oracle")
    frame = mean[mean["model"] != "oracle"].join(oracle, on=of)
    apart = (2 - frame["accuracy"] - frame["oracle"]).clip(upper=1)
    return frame.assign(difference=frame["accuracy"] - frame["oracle"], error=(apart / frame["students"]) ** 0.5)


@pytest.mark.parametrize("file", RECORDS, ids=[f"{f.parts[-4]}-{f.parent.name}" for f in RECORDS])
def test_no_model_beats_the_joint_oracle_by_more_than_noise(file: Path) -> None:
    found = differences(file)
    above = found[found["difference"] > 4 * found["error"]]
    assert above.empty, above
    for model, rows in found.groupby("model"):
        spread = rows["difference"].std() / len(rows) ** 0.5
        assert len(rows) < ENOUGH or rows["difference"].mean() <= 3 * spread, f"{model} over all networks"


def test_a_model_that_knows_more_is_noticed(tmp_path: Path) -> None:
    """Two points above the oracle everywhere: each network's noise hides them, all networks together do not."""
    phase = next(file for file in RECORDS if file.parent.name == "phase")
    runs = pd.read_parquet(phase)
    cheat = runs[runs["model"] == "oracle"].assign(model="cheat")
    pd.concat([runs, cheat.assign(accuracy=cheat["accuracy"] + 0.02)]).to_parquet(tmp_path / "runs.parquet")
    with pytest.raises(AssertionError, match="cheat over all networks"):
        test_no_model_beats_the_joint_oracle_by_more_than_noise(tmp_path / "runs.parquet")


def test_there_is_a_reference() -> None:
    assert RECORDS
