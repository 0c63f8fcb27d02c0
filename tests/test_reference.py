"""What the committed reference records say must hold: no model knows more than can be known."""

from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

RECORDS = sorted((ROOT / "results" / "reference").glob("*/records/*/runs.parquet"))


@pytest.mark.parametrize("file", RECORDS, ids=[f"{f.parts[-4]}-{f.parent.name}" for f in RECORDS])
def test_no_model_beats_the_joint_oracle_by_more_than_noise(file: Path) -> None:
    runs = pd.read_parquet(file)
    if "oracle" not in set(runs["model"]):
        pytest.skip("no oracle: this dataset's optimum is not known")
    cell = runs[[c for c in ("text_signal", "graph_signal") if c in runs]].astype(str).agg(",".join, axis=1)
    accuracy = runs.assign(cell=cell).pivot_table(index="cell", columns="model", values="accuracy", aggfunc="mean")
    once = runs[(runs["model"] == "oracle") & (runs["seed"] == runs["seed"].min())]
    tested = once.groupby(cell[once.index])["students"].sum()
    above = accuracy.sub(accuracy["oracle"], axis=0).sub(4 * (0.25 / tested) ** 0.5, axis=0)
    assert (above <= 0).all(axis=None), above.max()


def test_there_is_a_reference() -> None:
    assert RECORDS
