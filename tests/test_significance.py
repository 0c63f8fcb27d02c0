"""Statistics on their way to the reader: marks, verdicts, ranks, shares and calibration, from records made up here."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from benchmarks import table
from benchmarks.analysis import ranking, records
from benchmarks.analysis.columns import COLUMNS, METRICS
from benchmarks.analysis.records import Records
from benchmarks.analysis.stats import critical_difference
from benchmarks.data.storage import write_json
from benchmarks.figures.critical_difference import cliques
from benchmarks.figures.reliability import joined
from benchmarks.jobs.modules import load
from benchmarks.jobs.outcome import Outcome

MODELS = ["majority", "mlp", "gcn", "bert-gcn"]
SCORES = {"majority": 0.5, "mlp": 0.6, "gcn": 0.78, "bert-gcn": 0.8}
VERDICTS = {"majority": "worse", "mlp": "worse", "gcn": "undecided"}


def compared(dataset: str, question: str, model: str, reference: str, **other: object) -> dict:
    """A row of `comparisons`: this model is the difference of the two scores from the reference."""
    difference = SCORES[model] - SCORES[reference]
    row = dict.fromkeys(COLUMNS["comparisons"], 0.0) | {"dataset": dataset, "question": question, "model": model}
    row |= {"variant": "base", "reference": reference, "reference_variant": "base", "split": "", "metric": "roc_auc"}
    row |= {"by": "4 folds", "runs": 4, "difference": difference, "low": difference - 0.05, "high": difference + 0.05}
    return row | {"p_adjusted": 0.0001, "verdict": VERDICTS.get(model, "better"), "floor": 0.03} | other


def save(folder: Path, replication: str, differences: list[dict]) -> Path:
    """Records of four models, two splits and two seeds; MLP's scores differ by split, GCN's by seed."""
    folder.mkdir(parents=True)
    of = folder.name
    runs = [
        {"dataset": of, "model": m, "variant": "base", "split": str(split), "seed": seed, "students": 50}
        | {"prevalence": 0.3}
        | dict.fromkeys(METRICS, score + 0.02 * (split if m == "mlp" else seed if m == "gcn" else 0))
        for m, score in SCORES.items()
        for split in (0, 1)
        for seed in (0, 1)
    ]
    bins = [
        {c: run[c] for c in COLUMNS["calibration"] if c in run}
        | {"bin": b, "share": 0.5, "predicted": 0.3 + 0.4 * b, "observed": 0.2 + 0.6 * b, "ece": 0.1, "brier": 0.2}
        for run in runs
        for b in (0, 1)
    ]
    trials = [{"dataset": of, "kind": "model", "name": m, "split": "0", "trial": 0} for m in MODELS[1:]]
    outcomes = [{"dataset": of, "model": m, "variant": "base", **vars(Outcome("ok"))} for m in MODELS]
    frames = {
        "runs": runs,
        "classes": [],
        "trials": trials,
        "outcomes": outcomes,
        "comparisons": differences,
        "calibration": bins,
    }
    for name, rows in frames.items():
        pd.DataFrame(rows, columns=COLUMNS[name]).to_parquet(folder / f"{name}.parquet", index=False)
    card = {"kind": "binary", "target": "drops out", "text": "none", "classes": ["no", "yes"]}
    write_json(folder / "card.json", card | {"replication": replication})
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Five datasets; the last one's two groups stand apart."""
    found = []
    for place in range(5):
        of = f"toy{place}"
        differences = [compared(of, "subject", m, "bert-gcn") for m in VERDICTS]
        differences += [compared(of, "baseline", "bert-gcn", "gcn"), compared(of, "baseline", "mlp", "gcn")]
        differences += [compared(of, "base", "bert-gcn", "bert-gcn", variant="shuffled text", verdict="worse")]
        if place < 4:
            differences += [compared(of, "best", m, "bert-gcn") for m in ("mlp", "gcn")]
        else:
            groups = (("a", "undecided", "worse"), ("b", "tied", "undecided"))
            for group, gcn, mlp in groups:
                differences.append(compared(of, "best", "gcn", "bert-gcn", split=group, verdict=gcn))
                differences.append(compared(of, "best", "mlp", "bert-gcn", split=group, verdict=mlp))
        found.append(save(tmp_path / "records" / of, "folds" if place < 4 else "groups", differences))
    return found


@pytest.fixture
def found(folders: list[Path]) -> Records:
    return records.load(folders, MODELS, "snakemake")


def test_the_best_is_bold_and_what_it_is_not_better_than_is_underlined(folders: list[Path]) -> None:
    table.run("benchmarks.tables.main", folders, MODELS, "snakemake", folders[0].parent / "main")
    shown, latex = ((folders[0].parent / f"main.{suffix}").read_text(encoding="utf-8") for suffix in ("md", "tex"))
    assert shown.count("**0.800 ± 0.000**") == shown.count("<u>0.790 ± 0.012</u>") == 5, "one score of each dataset"
    assert shown.count("**") == 10, "neither MLP nor the control"
    assert shown.count("<u>") == 5
    assert latex.count("\\textbf{0.800 $\\pm$ 0.000}") == latex.count("\\underline{0.790 $\\pm$ 0.012}") == 5
    assert "resolution floor 0.030" in shown
    numbers = pd.read_csv(folders[0].parent / "main.csv")
    assert numbers["ROC-AUC mean"].dtype == float


def test_records_without_comparisons_have_no_marks(folders: list[Path]) -> None:
    for folder in folders:
        (folder / "comparisons.parquet").unlink()
    table.run("benchmarks.tables.main", folders, MODELS, "snakemake", folders[0].parent / "main")
    shown = (folders[0].parent / "main.md").read_text(encoding="utf-8")
    assert "**" not in shown
    assert "(50 test students a split, 2 splits)" in shown


def test_significance_says_what_is_less_what(folders: list[Path], found: Records) -> None:
    frame = load("benchmarks.tables.significance").make(found)
    of = frame.loc["toy0 (no text)"]
    assert list(of.index) == ["BERT+GCN", "Majority", "MLP", "GCN", "BERT+GCN, shuffled text"]
    assert of["Less", ""].tolist() == ["GCN", "BERT+GCN", "BERT+GCN", "BERT+GCN", "BERT+GCN"]
    shown = table.rounded(frame).loc["toy0 (no text)"]
    assert shown.loc["MLP", "Difference"] == "-0.200 [-0.250, -0.150]"
    assert shown.loc["MLP", "Adjusted p"] == "< 0.001"
    assert r"\ensuremath{<} 0.001" in table.latex(table.rounded(frame), "significance")


def test_ranks_by_hand(found: Records) -> None:
    frame = load("benchmarks.tables.ranks").make(found)
    assert frame["Average rank"].to_dict() == {"BERT+GCN": 1, "GCN": 2, "MLP": 3}, "a control has no rank"
    assert "chi-squared 10.00" in frame.attrs["caption"]
    assert f"{critical_difference(3, 5):.2f}" in frame.attrs["caption"]


def test_four_datasets_have_no_ranks(folders: list[Path]) -> None:
    frame = load("benchmarks.tables.ranks").make(records.load(folders[:4], MODELS, "snakemake"))
    assert frame.empty
    assert "fewer than 5 datasets" in frame.attrs["caption"]


def test_a_model_that_few_datasets_have_is_left_out_of_ranks(found: Records) -> None:
    few = (found.runs["model"] == "mlp") & (found.runs["dataset"] == "toy0")
    assert list(ranking.shared(replace(found, runs=found.runs[~few])).columns) == ["gcn", "bert-gcn"]


def test_entries_of_one_source_are_one_dataset(found: Records) -> None:
    """Two entries that disagree share the average of their ranks; without them there are too few datasets."""
    cards = {name: card | {"source": "toy" if name in ("toy0", "toy1") else name} for name, card in found.cards.items()}
    assert ranking.shared(replace(found, cards=cards)).empty, "four datasets"
    more, runs = cards | {"toy9": cards["toy4"] | {"source": "toy9"}}, found.runs
    swapped = runs[runs["dataset"] == "toy0"].replace({"model": {"mlp": "gcn", "gcn": "mlp"}})
    runs = pd.concat([runs[runs["dataset"] != "toy0"], swapped, runs[runs["dataset"] == "toy4"].assign(dataset="toy9")])
    standing = ranking.shared(replace(found, cards=more, runs=runs))
    assert list(standing.index) == ["toy, 2 entries", "toy2", "toy3", "toy4", "toy9"]
    assert standing.loc["toy, 2 entries"].to_dict() == {"mlp": -2.5, "gcn": -2.5, "bert-gcn": -1}
    assert standing.loc["toy2"].to_dict() == {"mlp": -3, "gcn": -2, "bert-gcn": -1}


def test_bars_join_the_largest_groups() -> None:
    assert cliques(np.array([1.0, 1.5, 2.2, 4.0, 4.1]), 1.0) == [(0, 1), (1, 2), (3, 4)]
    assert cliques(np.array([1.0, 2.0, 3.0]), 3.0) == [(0, 2)]
    assert cliques(np.array([1.0, 2.0, 3.0]), 1.0) == [], "a whole critical difference apart is told apart"


def test_variance_is_shown_where_splits_are_folds(found: Records) -> None:
    frame = load("benchmarks.tables.variance").make(found)
    assert len(frame) == 16, "not of groups"
    of = frame.loc["toy0 (no text)"]
    assert of.loc["MLP", ["Split", "Seed", "Residual"]].tolist() == pytest.approx([1, 0, 0], abs=1e-9)
    assert of.loc["GCN", ["Split", "Seed", "Residual"]].tolist() == pytest.approx([0, 1, 0], abs=1e-9)
    assert of.loc["MLP", "Deviation"] == pytest.approx(0.02 / 2**0.5)


def test_calibration_is_a_mean_over_runs(found: Records) -> None:
    frame = load("benchmarks.tables.calibration").make(found)
    assert frame["ECE", "mean"].tolist() == pytest.approx([0.1] * 20)
    assert frame["Runs", ""].tolist() == [4] * 20


def test_a_critical_difference_diagram_has_a_point_a_model_its_scale_and_bars(found: Records) -> None:
    figure = load("benchmarks.figures.critical_difference").make(found)
    bars = cliques(np.array([1.0, 2.0, 3.0]), critical_difference(3, 5))
    assert len(figure.axes[0].collections) == 1 + len(bars), "all points, and each bar"
    assert len(figure.axes[0].collections[0].get_offsets()) == 3
    assert [text.get_text()[:8] for text in figure.axes[0].texts][-1] == "critical"
    plt.close(figure)


def counted(found: Records, students: int, **others: int) -> pd.DataFrame:
    """Descriptions of the datasets that say how many different students are tested."""
    return pd.DataFrame([{"dataset": name, "tested": others.get(name, students)} for name in found.datasets])


def test_a_reliability_diagram_has_a_line_a_model_and_the_diagonal(found: Records) -> None:
    enough = replace(found, descriptions=counted(found, 150))
    figure = load("benchmarks.figures.reliability").make(enough)
    lines = [[line for line in axis.lines if len(line.get_xydata())] for axis in figure.axes]
    assert [len(of) for of in lines] == [5] * 5
    assert lines[0][0].get_xydata() == pytest.approx(np.array([[0.3, 0.2], [0.7, 0.8]]))
    assert figure.axes[0].get_title() == "toy0\nn = 150 tested of 2 splits, 4 runs"
    plt.close(figure)


def test_a_reliability_diagram_leaves_small_datasets_out_and_says_so(found: Records) -> None:
    figure = load("benchmarks.figures.reliability").make(replace(found, descriptions=counted(found, 148, toy1=150)))
    assert [axis.get_title().split()[0] for axis in figure.axes] == ["toy1"]
    assert "150 test students: toy0 (148), toy2 (148)" in figure.legends[0].get_title().get_text()
    plt.close(figure)


def test_records_that_do_not_say_who_is_tested_are_named(found: Records) -> None:
    older = counted(found, 150).drop(columns="tested")
    for descriptions in (older, counted(found, 150)[1:]):
        with pytest.raises(ValueError, match=r"^records/toy0/description\.parquet does not say .* 'tested'"):
            load("benchmarks.figures.reliability").make(replace(found, descriptions=descriptions))


def test_bins_are_joined_by_their_share() -> None:
    bins = pd.DataFrame({"bin": [0, 1, 2, 3], "share": [0.1, 0.3, 0.2, 0.4], "predicted": [0.1, 0.2, 0.6, 0.9]})
    bins["observed"] = [0.0, 0.4, 0.5, 1.0]
    assert joined(bins, 2).to_numpy() == pytest.approx(np.array([[0.175, 0.3], [0.8, 0.5 / 0.6]]))
    assert joined(bins, 9).to_numpy() == pytest.approx(bins[["predicted", "observed"]].to_numpy())
    assert len(joined(bins, 3)) == 3


def test_groups_have_rows_of_their_own(found: Records) -> None:
    differences = found.comparisons
    of = (differences["dataset"] == "toy4") & (differences["question"] == "subject")
    groups = [differences[of].assign(split=group) for group in ("a", "b")]
    frame = load("benchmarks.tables.significance").make(replace(found, comparisons=pd.concat(groups)))
    assert [label[0] for label in frame.index] == ["toy4 (no text), a"] * 3 + ["toy4 (no text), b"] * 3
