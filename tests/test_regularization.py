"""The heat map of L2 and dropout: a panel a dataset and model, paired changes, one scale of color."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from benchmarks.analysis import records
from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.style import label_of_change
from benchmarks.data.grid import cells
from benchmarks.data.storage import write_json
from benchmarks.figures import regularization

GRID = cells({"weight_decay": [0.0, 0.1], "dropout": [0.0, 0.3, 0.6]})
CHANGES = dict(zip(GRID, (0.01, 0.02, 0.03, -0.04, -0.05, -0.06), strict=True))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A dataset with a model on the grid, on two splits and two seeds; one cell lacks a run, another is told apart."""
    folder = tmp_path / "toy"
    folder.mkdir()
    runs = [
        {"dataset": "toy", "model": "bert-gcn", "variant": variant, "split": split, "seed": seed, "students": 50,
         "roc_auc": 0.6 + 0.1 * seed + 0.05 * (split == "1") + change}
        for variant, change in {"base": 0.0, "no edges": 0.3, **CHANGES}.items()
        for split in "01"
        for seed in (0, 1)
    ]  # fmt: skip
    del runs[-1]
    pd.DataFrame(runs, columns=COLUMNS["runs"]).to_parquet(folder / "runs.parquet")
    told = {"dataset": "toy", "question": "base", "model": "bert-gcn", "split": ""}
    pairs = [
        told | {"variant": variant, "verdict": "worse" if change == -0.05 else "undecided"}
        for variant, change in CHANGES.items()
    ]
    pd.DataFrame(pairs, columns=COLUMNS["pairs"]).to_parquet(folder / "pairs.parquet")
    for name in ("classes", "trials", "outcomes"):
        pd.DataFrame(columns=COLUMNS[name]).to_parquet(folder / f"{name}.parquet")
    card = {"kind": "binary", "target": "drops out", "text": "genuine", "classes": ["no", "yes"]}
    write_json(folder / "card.json", card)
    return folder


def test_cells_are_paired_changes_in_points(place: Path) -> None:
    figure = regularization.make(records.load([place], ["mlp", "bert-gcn"], "snakemake"))
    panel, scale = figure.axes
    assert panel.get_title() == "BERT+GCN, toy\nROC-AUC 0.675 when tuned, n = 4 runs"
    shown = {text.get_position(): text.get_text() for text in panel.texts}
    places = [(column + 0.5, row + 0.5) for row in range(2) for column in range(3)]
    expected = ["+1.0", "+2.0", "+3.0", "-4.0", "-5.0*", "-6.0"]
    assert shown == dict(zip(places, expected, strict=True)), "whatever else the model was changed in"
    pale = [mesh.get_alpha() for mesh in panel.collections for value in mesh.get_array().compressed()]
    assert sorted(pale) == [regularization.UNDECIDED] * 5 + [1.0], "one is told from none"
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0.0", "0.3", "0.6"]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["0.0", "0.1"]
    assert scale.get_ylim() == pytest.approx((-6.0, 6.0)), "zero is in the middle"
    plt.close(figure)


def test_where_nothing_is_told_apart_all_is_pale(place: Path) -> None:
    pairs = pd.read_parquet(place / "pairs.parquet")
    pairs.assign(verdict="undecided").to_parquet(place / "pairs.parquet")
    figure = regularization.make(records.load([place], ["bert-gcn"], "snakemake"))
    pale = [mesh.get_alpha() for mesh in figure.axes[0].collections for value in mesh.get_array().compressed()]
    assert pale == [regularization.UNDECIDED] * 6
    plt.close(figure)


def test_without_a_grid_it_says_so(place: Path) -> None:
    runs = pd.read_parquet(place / "runs.parquet")
    runs[runs["variant"].isin(["base", "no edges"])].to_parquet(place / "runs.parquet")
    figure = regularization.make(records.load([place], ["bert-gcn"], "snakemake"))
    assert "no model ran over a grid" in figure.texts[0].get_text()
    plt.close(figure)


def test_a_changes_name_for_readers() -> None:
    assert label_of_change("weight_decay=0.01,dropout=0.3") == "L2 0.01, dropout 0.3"
    assert label_of_change("label smoothing") == "label smoothing"
