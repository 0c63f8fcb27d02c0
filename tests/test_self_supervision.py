"""Self-supervision on its way to the reader: loss curves to records, records to a table and a figure."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from benchmarks import score, table
from benchmarks.analysis import records
from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.rows import DASH
from benchmarks.data.storage import write_json
from benchmarks.jobs.modules import load
from benchmarks.jobs.outcome import Outcome

MODELS = ["mlp", "bert-gcn"]
CALL = "snakemake --cores all"


def pretraining(folder: Path, arm: str, losses: list[float | None], new_head: bool) -> None:
    """What `finetune` writes of a pretraining on a split, with these held-out losses."""
    folder.mkdir(parents=True)
    curve = [
        {
            "epoch": epoch,
            "steps": int(epoch > 0 or new_head),
            "loss": 3.0 if epoch or new_head else None,
            "held_out": loss,
        }
        for epoch, loss in enumerate(losses)
    ]
    ends = [None if loss is None else loss if arm == "graph" else math.exp(loss) for loss in (losses[0], losses[-1])]
    measure = "contrastive loss" if arm == "graph" else "masked-token perplexity over 10 fixed masks"
    history = {"arm": arm, "measure": measure, "new_head": new_head, "curve": curve}
    write_json(folder / "pretraining.json", history | {"before": ends[0], "after": ends[1]})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Records of a dataset that could not be prepared but whose recipes were pretrained; then runs are made up."""
    data, states = tmp_path / "data", tmp_path / "states" / "toy"
    data.mkdir()
    Outcome("failed", "no luck", "x").write(data)
    folders = [states / recipe / "reporting" for recipe in ("mlm", "edges", "lost")]
    pretraining(folders[0] / "0", "train-only", [2.0, 1.5, 1.0], new_head=True)
    pretraining(folders[0] / "1", "train-only", [3.0, 2.5, 2.0], new_head=True)
    pretraining(folders[1] / "0", "graph", [3.0, 2.0, None], new_head=False)
    folders[2].mkdir(parents=True)
    for folder in folders[:2]:
        Outcome("ok").write(folder)
    Outcome("failed", "out of memory", "results/t/states/toy/lost/reporting").write(folders[2])
    made = tmp_path / "toy"
    uses = {"bert-gcn": {"own words": "mlm", "ties": "edges"}}
    score.run("toy", data, tmp_path / "sealed", [], made, pretrainings=folders, uses=uses)
    runs = [
        {"dataset": "toy", "model": model, "variant": variant, "split": split, "seed": seed, "students": 50}
        | {"prevalence": 0.3} | dict.fromkeys(records.METRICS, 0.6 + 0.1 * seed + (variant != "base") * gain)
        for model in MODELS
        for split, gain in (("0", 0.1), ("1", 0.2))
        for seed in (0, 1)
        for variant in (["base"] if model == "mlp" else ["base", "own words"])
    ]  # fmt: skip
    runs = [run for run in runs if (run["variant"], run["split"], run["seed"]) != ("own words", "1", 1)]
    pd.DataFrame(runs, columns=COLUMNS["runs"]).to_parquet(made / "runs.parquet")
    compared = [
        {"dataset": "toy", "model": "bert-gcn", "reference": "bert-gcn", "reference_variant": "base", "split": "",
         "question": question, "variant": variant, "difference": 0.13, "low": low, "high": 0.3, "runs": 3}
        for question, variant, low in (("base", "own words", -0.1), ("subject", "own words", -0.9))
    ]  # fmt: skip
    pd.DataFrame(compared, columns=COLUMNS["comparisons"]).to_parquet(made / "comparisons.parquet")
    ended = [{"dataset": "toy", "model": model, "variant": "base", **vars(Outcome("ok"))} for model in MODELS]
    lost = vars(Outcome("failed", "no states", "results/t/states/toy/edges/reporting"))
    ended.append({"dataset": "toy", "model": "bert-gcn", "variant": "ties", **lost})
    pd.DataFrame(ended, columns=COLUMNS["outcomes"]).to_parquet(made / "outcomes.parquet")
    write_json(
        made / "card.json", {"kind": "binary", "target": "drops out", "text": "genuine", "classes": ["no", "yes"]}
    )
    return made


def test_score_collects_curves(place: Path) -> None:
    found = records.load([place], MODELS, CALL)
    mlm = found.curves[(found.curves["recipe"] == "mlm") & (found.curves["split"] == "1")]
    assert mlm["epoch"].tolist() == [0, 1, 2]
    assert mlm["phase"].tolist() == ["head alone", "body", "body"]
    assert mlm["held_out"].tolist() == [3.0, 2.5, 2.0]
    assert set(mlm["arm"]) == {"train-only"}
    edges = found.curves[found.curves["recipe"] == "edges"]
    assert edges["phase"].tolist() == ["before", "body", "body"]
    assert np.isnan(edges["loss"].iloc[0]), "nothing has learned before"
    assert set(found.curves["recipe"]) == {"mlm", "edges"}, "what failed leaves no rows"
    before = found.pretraining.set_index(["recipe", "split"])["before"]
    assert before.to_dict() == pytest.approx({("mlm", "0"): math.e**2, ("mlm", "1"): math.e**3, ("edges", "0"): 3.0})
    assert found.uses.to_numpy().tolist() == [
        ["toy", "bert-gcn", "own words", "mlm"], ["toy", "bert-gcn", "ties", "edges"]
    ]  # fmt: skip


def test_the_table_pairs_runs(place: Path) -> None:
    frame = load("benchmarks.tables.self_supervision").make(records.load([place], MODELS, CALL))
    mlm, edges = (row for _, row in frame.iterrows())
    assert mlm["Before", "mean"] == pytest.approx((math.e**2 + math.e**3) / 2)
    assert mlm["After", "mean"] == pytest.approx((math.e + math.e**2) / 2)
    assert mlm["Difference", "mean"] == pytest.approx(np.mean([0.1, 0.1, 0.2])), "a run without its twin is left out"
    assert mlm["Difference", "sd"] == pytest.approx(np.std([0.1, 0.1, 0.2], ddof=1))
    assert (mlm["Runs", ""], mlm["Splits", ""], edges["Splits", ""]) == (3, 2, 1)
    assert np.isnan(edges["After", "mean"])


def test_the_table_tells_of_a_lost_variant(place: Path) -> None:
    table.run("benchmarks.tables.self_supervision", [place], MODELS, CALL, place.parent / "shown")
    shown = (place.parent / "shown.md").read_text(encoding="utf-8")
    assert "BERT+GCN [a]" in shown
    assert "[a] failed: no states. Retry: snakemake --cores all -R results/t/states/toy/edges/reporting" in shown
    assert f"| {DASH} " in shown
    assert "not the pseudo-perplexity" in shown
    assert "Measured of mlm: masked-token perplexity over 10 fixed masks." in shown


def test_the_figure_has_a_panel_an_objective(place: Path) -> None:
    figure = load("benchmarks.figures.self_supervision").make(records.load([place], MODELS, CALL))
    assert sorted(axis.get_label() for axis in figure.axes) == ["gains", "interactions", "masked tokens"]
    panels = {axis.get_label(): axis for axis in figure.axes}
    assert [text.get_text() for text in panels["gains"].get_yticklabels()] == ["BERT+GCN\ntoy\nROC-AUC, n = 3 runs"]
    interval, ticks, mean = panels["gains"].collections
    assert interval.get_segments()[0].tolist() == [[-0.1, 0.0], [0.3, 0.0]]
    assert ticks.get_offsets()[:, 0].tolist() == pytest.approx([0.1, 0.1, 0.2]), "a run without its twin is left out"
    assert mean.get_offsets()[:, 0].tolist() == [0.13]
    drawn = [np.asarray(line.get_ydata()).tolist() for line in panels["masked tokens"].get_lines()]
    assert drawn == [[2.0, 1.5, 1.0], [3.0, 2.5, 2.0], [2.5, 2.0, 1.5]], "each of two splits, and their mean"
    assert [text.get_text() for text in panels["masked tokens"].texts] == ["head\nalone"]
    assert not panels["interactions"].texts, "no head learns there"
    plt.close(figure)


def test_groups_have_a_gain_each(place: Path) -> None:
    file = place / "comparisons.parquet"
    pd.concat([pd.read_parquet(file).assign(split=split, runs=2) for split in ("0", "1")]).to_parquet(file)
    figure = load("benchmarks.figures.self_supervision").make(records.load([place], MODELS, CALL))
    gains = next(axis for axis in figure.axes if axis.get_label() == "gains")
    assert [text.get_text() for text in gains.get_yticklabels()] == ["BERT+GCN\ntoy\nROC-AUC, n = 2 runs each"]
    assert [text.get_text() for text in gains.get_yticklabels(minor=True)] == ["0", "1"], "each line is named"
    runs = gains.collections[1].get_offsets()
    assert runs[:, 0].tolist() == pytest.approx([0.1, 0.1, 0.2])
    assert runs[:, 1].tolist() == [0, 0, 1]
    plt.close(figure)


def test_a_model_that_is_asked_for_no_more_has_no_gain(place: Path) -> None:
    figure = load("benchmarks.figures.self_supervision").make(records.load([place], ["mlp"], CALL))
    assert "no model was run with and without it" in [text.get_text() for axis in figure.axes for text in axis.texts]
    plt.close(figure)


def test_curves_without_variants(place: Path) -> None:
    pd.DataFrame(columns=COLUMNS["uses"]).to_parquet(place / "uses.parquet")
    found = records.load([place], MODELS, CALL)
    frame = load("benchmarks.tables.self_supervision").make(found)
    assert [labels[2] for labels in frame.index] == [DASH, DASH]
    figure = load("benchmarks.figures.self_supervision").make(found)
    assert "no model was run with and without it" in [text.get_text() for axis in figure.axes for text in axis.texts]
    plt.close(figure)


def test_a_tier_without_pretraining(place: Path) -> None:
    for name in ("pretraining", "curves", "uses"):
        (place / f"{name}.parquet").unlink()
    found = records.load([place], MODELS, CALL)
    assert found.curves.empty
    frame = load("benchmarks.tables.self_supervision").make(found)
    assert frame.empty
    assert frame.attrs["notes"] == ["No recipe was self-supervised."]
    figure = load("benchmarks.figures.self_supervision").make(found)
    assert [text.get_text() for text in figure.texts] == ["no recipe was self-supervised"]
    plt.close(figure)


def test_where_every_pretraining_failed(place: Path) -> None:
    for name in ("pretraining", "curves"):
        pd.DataFrame(columns=COLUMNS[name]).to_parquet(place / f"{name}.parquet")
    found = records.load([place], MODELS, CALL)
    frame = load("benchmarks.tables.self_supervision").make(found)
    assert frame["Learns from", ""].tolist() == [DASH, DASH]
    plt.close(load("benchmarks.figures.self_supervision").make(found))
