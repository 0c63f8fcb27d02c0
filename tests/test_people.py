"""What may be kept of people: joined bins, suppressed cells, and networks in aggregates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import random_graph
from matplotlib import pyplot as plt
from test_describe import records as described

from benchmarks import figure
from benchmarks.analysis import records
from benchmarks.analysis.alerts import alerts
from benchmarks.analysis.metrics import calibration_error, reliability
from benchmarks.analysis.networks import aggregates
from benchmarks.analysis.people import FEWEST, drawn, merged, real, suppressed
from benchmarks.data.describe import description
from benchmarks.data.storage import read_json, write_json
from benchmarks.data.targets import of_students
from benchmarks.jobs.modules import load

RUN = {"dataset": "toy", "model": "mlp", "variant": "base", "split": "0", "seed": 0}


def test_bins_are_joined_until_each_has_enough_students() -> None:
    bins = np.array([0, 0, 1, 2, 2, 3, 4, 4])
    assert merged(bins, np.arange(8), 3).tolist() == [0, 0, 0, 2, 2, 2, 2, 2], "the rest goes to the bin before"
    twice = np.array([0, 0, 1, 1, 2, 3, 4, 5])
    assert merged(bins, twice, 3).tolist() == [0, 0, 0, 0, 0, 3, 3, 3], "a student counts once"
    assert merged(bins, np.arange(8), 9).tolist() == [0] * 8
    assert merged(bins, np.arange(8), 1).tolist() == bins.tolist()


@pytest.mark.parametrize("students", [5, 9, 18, 60, 200])
def test_a_reliability_diagram_of_people_has_no_bin_of_few(students: int) -> None:
    rng = np.random.default_rng(students)
    labels, chance = rng.integers(2, size=students), rng.random((students, 1))
    joined, single = (reliability(labels, chance, np.arange(students), fewest) for fewest in (FEWEST, 1))
    assert joined["students"].min() >= FEWEST
    assert joined["students"].sum() == students
    for side in ("predicted", "observed"):
        assert (joined["share"] * joined[side]).sum() == pytest.approx((single["share"] * single[side]).sum())
    assert calibration_error(joined) <= calibration_error(single) + 1e-12, "so the error is of the bins as they are"


def test_several_answers_of_a_student_are_of_one() -> None:
    labels = np.tile([[0, 1, 1, 0]], (6, 1))
    found = reliability(labels, np.random.default_rng(0).random((6, 4)), np.arange(6), FEWEST)
    assert found["students"].min() >= FEWEST


def classes(supports: list[int], precision: float = 0.5, recall: float = 0.5) -> pd.DataFrame:
    scores = {"precision": precision, "recall": recall, "f1": 0.5, "f1_chosen": 0.5}
    rows = [RUN | {"class": f"class {i}", **scores, "support": n} for i, n in enumerate(supports)]
    means = [RUN | {"class": mean, **scores, "support": sum(supports)} for mean in ("micro", "macro", "weighted")]
    return pd.DataFrame([*rows, *means])


def test_a_class_of_few_is_suppressed_and_what_would_tell_it() -> None:
    found = suppressed("classes", classes([4, 20, 30]), pd.DataFrame())
    told = ["precision", "recall", "f1", "f1_chosen", "support"]
    assert found.loc[found["class"] != "micro", told].isna().all(axis=None), "less the others, a mean tells the class"
    assert found.loc[found["class"] == "micro", told].notna().all(axis=None), "accuracy is of the whole test side"
    assert suppressed("classes", found, pd.DataFrame()).equals(found)
    kept = classes([5, 20, 0])
    assert suppressed("classes", kept, pd.DataFrame()).equals(kept.astype({"support": float}))


def test_what_a_model_decides_over_a_test_side_is_kept() -> None:
    kept = classes([20, 20], precision=1.0, recall=0.15)  # three taken for each
    assert suppressed("classes", kept, pd.DataFrame()).equals(kept.astype({"support": float}))


@pytest.mark.parametrize(("positive", "hidden"), [(0, False), (4, True), (5, False), (17, False), (18, True)])
def test_a_prevalence_that_counts_few_is_suppressed_and_the_recall_that_would_tell_it(
    positive: int, hidden: bool
) -> None:
    runs = pd.DataFrame([RUN | {"students": 22, "prevalence": positive / 22}])
    found = suppressed("runs", runs, runs)
    assert found["prevalence"].isna().tolist() == [hidden]
    rows = pd.DataFrame([RUN | {"share": 0.3, "precision": 0.9, "recall": 0.5, "lead": 7.0}])
    for beside in (runs, found):
        assert suppressed("alerts", rows, beside)["recall"].isna().tolist() == [hidden]


def test_alerts_of_few_are_suppressed() -> None:
    rows = [RUN | {"share": s, "precision": 0.9, "recall": 0.5, "lead": 7.0} for s in (0.1, 0.2, 0.3)]
    runs = pd.DataFrame([RUN | {"students": 22, "prevalence": 0.5}])
    found = suppressed("alerts", pd.DataFrame(rows), runs)
    assert found["precision"].isna().tolist() == [True, True, False], "2.2, 4.4 and 6.6 seen"
    assert found["lead"].isna().tolist() == [True, True, False]
    few = suppressed("alerts", pd.DataFrame(rows), runs.assign(prevalence=0.1))
    assert few["recall"].isna().all(), "two at risk"


def test_a_lead_time_rests_on_those_of_whom_it_is_known() -> None:
    labels, chance = np.ones(40, int), np.linspace(0.9, 0.1, 40)[:, None]
    lead = np.where(np.arange(40) < 4, 9.0, np.nan)
    targets = of_students(np.arange(40), labels, lead)
    assert alerts(targets, chance)["lead"].notna().all()
    assert alerts(targets, chance, FEWEST)["lead"].isna().all()


def test_shares_that_count_few_are_suppressed() -> None:
    row = {"students": 160, "isolated": 3 / 160, "wordless": 0.0, "largest": 157 / 160, "components": 4}
    found = suppressed("description", pd.DataFrame([row]), pd.DataFrame()).iloc[0]
    assert found[["isolated", "largest", "components"]].isna().all()
    assert found["wordless"] == 0, "nobody is nobody"


def test_students_of_several_splits_are_tested_once() -> None:
    graph = random_graph(20, 30)
    nobody = np.array([], int)
    row = description(graph, np.zeros(20, int), nobody, np.arange(8), nobody, np.arange(5, 12))
    assert row["tested"] == 12


def test_a_cell_of_the_mixing_rests_on_those_at_the_end_where_they_are_fewer() -> None:
    """One student of class 1 who knows all others: her contacts do not make her many."""
    hub = {(0, other) for other in range(1, 12)}
    ring = {(a, a + 1) for a in range(1, 11)}
    labels = np.array([1] + [0] * 11)
    graph = replace(random_graph(12, 5), edges=torch.tensor(sorted(hub | ring)).T, weights=torch.ones(21))
    found = aggregates("toy", graph, labels)
    assert found.loc[found["part"] == "mixing", ["students", "share"]].isna().all(axis=None)
    alone = replace(graph, edges=torch.tensor(sorted(ring)).T, weights=torch.ones(10))
    found = aggregates("toy", alone, np.array([1] + [0] * 7 + [2] * 4)).set_index(["of", "to"])
    assert found.loc[2.0, "share"].isna().all(), "four students are connected"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("directed", [True, False])
def test_aggregates_of_a_network_rest_on_enough(seed: int, directed: bool) -> None:
    graph = random_graph(60, 90, directed, seed)
    labels = np.random.default_rng(seed).choice([-1, 0, 1, 2], p=[0.2, 0.4, 0.35, 0.05], size=60)
    found = aggregates("toy", graph, labels)
    assert found["students"].dropna().min() >= FEWEST
    for part in ("degree", "component", "weight"):
        assert found.loc[found["part"] == part, "share"].sum() == pytest.approx(1)
    mixing = found[found["part"] == "mixing"]
    ends = {(a, b) for a, b in graph.edges.T.tolist() if a != b}
    contacts = ends | {(b, a) for a, b in ends}
    pairs = [(labels[a], labels[b]) for a, b in contacts]
    for row in mixing.dropna(subset="share").to_dict("records"):
        of = [b for a, b in pairs if a == row["of"] and b >= 0]
        between = [(a, b) for a, b in contacts if labels[a] == row["of"] and labels[b] == row["to"]]
        if between:
            assert row["students"] == min(len(set(end)) for end in zip(*between, strict=True)) >= FEWEST
        assert row["share"] == pytest.approx(np.mean([b == row["to"] for b in of]))
    by_class = mixing.groupby("of")["share"].sum(min_count=1).dropna()
    assert by_class.to_numpy() == pytest.approx(np.ones(len(by_class))), "a class is told whole or not at all"


def test_of_a_real_network_no_node_is_drawn_and_no_panel_is_blank(tmp_path: Path) -> None:
    place = described(tmp_path)
    nodes, links = pd.DataFrame({"x": [0.0, 1], "y": [0.0, 1], "label": [0, 1]}), pd.DataFrame({"from": [0], "to": [1]})
    for text in ("none", "drawn"):
        write_json(place / "card.json", read_json(place / "card.json") | {"text": text})
        if not real(read_json(place / "card.json")):
            nodes.to_parquet(place / "nodes.parquet")
            links.to_parquet(place / "links.parquet")
        figure.run("benchmarks.figures.networks", [place], ["mlp"], "snakemake", tmp_path / "networks")
        assert drawn(tmp_path / "networks.svg") == (["toy"] if text == "drawn" else [])
        shown = load("benchmarks.figures.networks").make(records.load([place], ["mlp"], "snakemake"))
        panels = [axis for band in shown.subfigs for axis in band.axes]
        assert len(panels) == 4 + (text == "drawn")
        assert all(axis.patches or axis.images or axis.collections or axis.texts for axis in panels)
        plt.close(shown)
