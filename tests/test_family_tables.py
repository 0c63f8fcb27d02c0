"""Tables and figures of families, on records made up here: label efficiency, early warning, future presentation."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from benchmarks import figure, table
from benchmarks.analysis import drawing, records
from benchmarks.analysis.alerts import SHARES
from benchmarks.analysis.columns import COLUMNS, METRICS
from benchmarks.analysis.rows import DASH
from benchmarks.analysis.style import COLORS
from benchmarks.figures import phase as phase_figure

MODELS = ["mlp", "gcn", "oracle"]
CALL = "snakemake --cores all"
OK = {"status": "ok", "reason": "", "origin": ""}


def family(folder: Path, dial: str, scores: dict[float, float], splits: tuple[str, ...], lead: float | None) -> Path:
    """Records in which GCN has `scores` by the dial, MLP 0.1 less, the oracle 0.9; split "fixed" 0.05 less still."""
    folder.mkdir(parents=True)
    runs, alerts = [], []
    for value, score in scores.items():
        for model, split in ((model, split) for model in MODELS for split in splits):
            own = {"mlp": score - 0.1, "gcn": score, "oracle": 0.9}[model] - 0.05 * (split == "fixed")
            of = {dial: value, "dataset": folder.name, "model": model, "variant": "base", "split": split, "seed": 0}
            runs.append(of | {"students": 50, "prevalence": 0.4} | dict.fromkeys(METRICS, own))
            alerts += [of | {"share": s, "precision": own, "recall": s * own / 0.4, "lead": lead} for s in SHARES]
    ended = [{"model": model, "variant": "base", **OK} for model in MODELS]
    ended.append({"model": "gcn", "variant": f"{dial}=7", "status": "failed", "reason": "no luck", "origin": "x"})
    for name, rows in (("runs", runs), ("alerts", alerts), ("outcomes", ended)):
        pd.DataFrame(rows).assign(dataset=folder.name).to_parquet(folder / f"{name}.parquet", index=False)
    card = {
        "kind": "binary",
        "target": "drops out",
        "text": "drawn",
        "classes": ["stays", "drops out"],
        "clock": "week",
    }
    card |= {"students": 200}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


@pytest.fixture
def families(tmp_path: Path) -> list[Path]:
    return [
        family(tmp_path / "labels", "labeled", {0.01: 0.6, 0.1: 0.7}, ("0", "1"), None),
        family(tmp_path / "cutoffs", "cutoff", {7: 0.65, 14: 0.75}, ("fixed", "0", "1"), 30.0),
    ]


def test_the_later_run_is_what_warnings_are_for(families: list[Path]) -> None:
    frame = table.load("benchmarks.tables.early_warning").make(records.load([], MODELS, CALL, families))
    assert set(frame.index.get_level_values("Dataset")) == {"cutoffs"}, "where nothing is cut off, nobody is warned"
    row = frame.loc[("cutoffs", "week 14", "GCN")]
    card = json.loads((families[1] / "card.json").read_text(encoding="utf-8"))
    (families[1] / "card.json").write_text(json.dumps(card | {"clock": ""}), encoding="utf-8")
    silent = table.load("benchmarks.tables.early_warning").make(records.load([], MODELS, CALL, families))
    assert ("cutoffs", "time 14", "GCN") in silent.index, "a dataset need not say what its cut-off counts"
    assert row["ROC-AUC", "mean"] == pytest.approx(0.70), "random splits stay out of the mean"
    assert row["At risk", ""] == pytest.approx(0.4)
    assert row["Precision at 10%", ""] == pytest.approx(0.70)
    assert row["Recall at 20%", ""] == pytest.approx(0.35)
    assert (row["Days left", ""], row["Runs", ""]) == ("30", 1)


@pytest.mark.parametrize(
    ("cells", "days", "said"),
    [
        ({"precision": np.nan, "recall": np.nan, "lead": np.nan}, DASH, True),
        ({"lead": np.nan}, DASH, True),
        ({"recall": np.nan}, "30", True),
        ({"precision": 0.0, "recall": 0.0, "lead": np.nan}, "30", False),
    ],
    ids=["few are seen", "few are found", "few are at risk", "nobody is found"],
)
def test_what_is_suppressed_in_a_family_is_said(
    families: list[Path], cells: dict[str, float], days: str, said: bool
) -> None:
    file = families[1] / "alerts.parquet"
    alerts = pd.read_parquet(file)
    few = (alerts["share"] == SHARES[0]) & (alerts["model"] == "gcn") & (alerts["split"] == "fixed")
    alerts.loc[few & (alerts["cutoff"] == 14), list(cells)] = list(cells.values())
    alerts.to_parquet(file, index=False)
    found = records.load([], MODELS, CALL, families)
    frame = table.load("benchmarks.tables.early_warning").make(found)
    assert frame.loc[("cutoffs", "week 14", "GCN"), ("Days left", "")] == days
    assert frame.loc[("cutoffs", "week 7", "GCN"), ("Days left", "")] == "30"
    assert [note.split(":")[0] for note in frame.attrs["notes"]] == ["cutoffs"] * said
    axis = table.load("benchmarks.figures.early_warning").make(found).axes[0]
    assert axis.get_xticklabels()[1].get_text() == ("14\n30 d" if days == "30" else "14")


def test_the_next_run_is_compared_with_random_splits(families: list[Path]) -> None:
    frame = table.load("benchmarks.tables.future").make(records.load([], MODELS, CALL, families))
    assert len(frame) == 2 * len(MODELS), "the other family has no later run"
    row = frame.loc[("cutoffs", "cutoff 7", "MLP")]
    assert (row["Random", "mean"], row["Next run", "mean"]) == pytest.approx((0.55, 0.50))
    assert row["Difference", ""] == pytest.approx(-0.05)
    assert row["Runs", ""] == "2 + 1"


def lines(axis: Axes) -> list[list[float]]:
    """The heights of the lines, in the order of the models; chance comes last."""
    heights = [np.asarray(line.get_ydata(), float) for line in axis.get_lines()]
    return [each.round(3).tolist() for each in heights if len(each)]


def test_curves_are_means_over_runs(families: list[Path]) -> None:
    found = records.load([], MODELS, CALL, families)
    (panel,) = table.load("benchmarks.figures.label_efficiency").make(found).axes
    assert lines(panel) == [[0.5, 0.6], [0.6, 0.7], [0.9, 0.9], [0.5, 0.5]]
    assert "50 students tested, 2 runs a point, 1 without a run" in panel.get_xlabel()
    score, precision, recall = table.load("benchmarks.figures.early_warning").make(found).axes
    assert [0.6, 0.7] in lines(score)
    assert [0.6, 0.7] in lines(precision)
    assert [0.15, 0.175] in lines(recall)
    assert [mark.get_text() for mark in score.get_xticklabels()] == ["7\n30 d", "14\n30 d"]


def test_a_line_is_broken_where_a_mean_is_not_defined() -> None:
    points = pd.DataFrame({"model": "mlp", "x": [1, 2, 3, 4, 5], "y": [0.1, 0.2, np.nan, 0.4, 0.5]})
    axis = plt.figure().subplots()
    drawing.lines(axis, points, "x", "y")
    assert lines(axis) == [[0.1, 0.2], [0.4, 0.5]]
    plt.close()


def test_a_key_names_what_is_drawn_once_and_the_papers_models_first() -> None:
    points = pd.DataFrame({"model": ["gat", "oracle", "bert-gcn"], "x": 0.0, "y": 0.5})
    figure, axes = drawing.panels(2, 2.0, 2.0)
    for axis in axes:
        drawing.lines(axis, points, "x", "y", drawing.or_another)
    drawing.legend(figure, drawing.ONE_RUN)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["BERT+GCN", "another model", "one run"]
    assert not [axis for axis in axes if axis.get_legend()]
    plt.close(figure)


@pytest.mark.parametrize("name", ["early_warning", "label_efficiency"])
def test_figures_same_records_same_bytes(families: list[Path], tmp_path: Path, name: str) -> None:
    for place in ("a", "b"):
        figure.run(f"benchmarks.figures.{name}", [], MODELS, CALL, tmp_path / place / name, families_of=families)
    for suffix in (".svg", ".pdf", ".png"):
        one, two = ((tmp_path / place / name).with_suffix(suffix).read_bytes() for place in ("a", "b"))
        assert one == two


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("name", ["early_warning", "future"])
def test_latex_compiles_and_fits_the_page(families: list[Path], tmp_path: Path, name: str) -> None:
    table.run(f"benchmarks.tables.{name}", [], MODELS, CALL, tmp_path / name, families_of=families)
    document = "\\documentclass{article}\\usepackage{booktabs,graphicx,longtable,multirow}\\begin{document}\\input{%s}"
    (tmp_path / "document.tex").write_text(document % name + "\\end{document}", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert not [points for points in re.findall(r"Overfull .hbox \((\d+)", done.stdout) if int(points) > 20]


def phase(folder: Path, models: list[str]) -> records.Records:
    """Records of a phase diagram: BERT+GCN leads by 0.02 where the text is weak and by 0.1 where it is strong."""
    cells = [{"graph_signal": graph, "text_signal": text} for graph in (0.0, 0.5) for text in (0.2, 0.8)]
    runs = []
    for cell, model in itertools.product(cells, models):
        score = {"mlp": 0.7, "bert-gcn": 0.72 if cell["text_signal"] < 0.5 else 0.8, "oracle": 0.9}[model]
        of = {"dataset": "phase", "model": model, "variant": "base", "split": "0", "seed": 0}
        runs.append(of | cell | {"students": 500, "prevalence": 0.4} | dict.fromkeys(METRICS, score))
    folder.mkdir()
    pd.DataFrame(runs).to_parquet(folder / "runs.parquet")
    outcomes = pd.DataFrame([{"model": m, "variant": "base", **OK} for m in models])
    outcomes.to_parquet(folder / "outcomes.parquet")
    pd.DataFrame(columns=COLUMNS["alerts"]).to_parquet(folder / "alerts.parquet")
    card = {"kind": "binary", "target": "drops out", "text": "drawn", "classes": ["stays", "drops out"]}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return records.load([], ["mlp", "bert-gcn", "oracle"], CALL, [folder])


def cells(axis: Axes) -> dict[str, str]:
    """By what stands in the cells of a heat map, their color."""
    colors = map(to_hex, axis.collections[0].get_facecolor())
    return {text.get_text(): color for text, color in zip(axis.texts, colors, strict=True)}


def test_a_lead_within_chance_has_no_color(tmp_path: Path) -> None:
    figure = phase_figure.make(phase(tmp_path / "phase", ["mlp", "bert-gcn", "oracle"]))
    winners, optimum, won = figure.axes
    assert cells(winners) == {"+2": phase_figure.WITHIN.lower(), "+10": COLORS["bert-gcn"].lower()}
    assert [text.get_text() for text in optimum.texts] == ["0.90"] * 4
    assert sorted({text.get_text() for text in won.texts}) == ["40%", "67%"]
    assert "500 test students and 1 run a cell" in figure.legends[0].get_title().get_text()
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["BERT+GCN", "a lead within chance"], "who wins nowhere is not named"


def test_a_lost_cell_is_drawn_as_lost(tmp_path: Path) -> None:
    """One model has no run in one cell, and another cell has none at all: nobody won there."""
    folder = tmp_path / "phase"
    phase(folder, ["mlp", "bert-gcn", "oracle"])
    runs = pd.read_parquet(folder / "runs.parquet")
    strong = (runs["text_signal"] == 0.8) & (runs["graph_signal"] == 0.5)
    runs[
        ~((runs["text_signal"] == 0.8) & (runs["graph_signal"] == 0.0) & (runs["model"] == "mlp")) & ~strong
    ].to_parquet(folder / "runs.parquet")
    outcomes = pd.read_parquet(folder / "outcomes.parquet")
    gone = outcomes.assign(variant="text_signal=0.8,graph_signal=0.5,draw=0", status="failed", reason="no memory")
    pd.concat([outcomes, gone]).to_parquet(folder / "outcomes.parquet")
    figure = phase_figure.make(records.load([], ["mlp", "bert-gcn", "oracle"], CALL, [folder]))
    winners, optimum, won = figure.axes
    assert [text.get_text() for text in winners.texts] == [DASH, DASH, "+2", "+2"], "strong text on top"
    assert cells(winners) == {"+2": phase_figure.WITHIN.lower(), DASH: phase_figure.LOST.lower()}
    assert [text.get_text() for text in optimum.texts].count(DASH) == 1
    assert [text.get_text() for text in won.texts].count(DASH) == 1
    assert "2 of 4 cells" in figure.legends[0].get_texts()[-1].get_text()


def test_a_model_without_any_run_has_lost_every_cell(tmp_path: Path) -> None:
    folder, models = tmp_path / "phase", ["mlp", "gcn", "bert-gcn", "oracle"]
    phase(folder, ["mlp", "bert-gcn", "oracle"])
    outcomes = pd.read_parquet(folder / "outcomes.parquet")
    of = pd.DataFrame([{"model": "gcn", "variant": "base", "status": "failed", "reason": "no memory", "origin": "x"}])
    for status, shown in (("failed", [DASH] * 4), ("not applicable", ["+10", "+10", "+2", "+2"])):
        pd.concat([outcomes, of.assign(status=status)]).to_parquet(folder / "outcomes.parquet")
        winners, optimum, _ = phase_figure.make(records.load([], models, CALL, [folder])).axes
        assert [text.get_text() for text in winners.texts] == shown
        assert [text.get_text() for text in optimum.texts] == ["0.90"] * 4


@pytest.mark.parametrize("model", ["mlp", "oracle"])
def test_a_mean_over_fewer_networks_than_elsewhere_is_none(tmp_path: Path, model: str) -> None:
    folder = tmp_path / "phase"
    phase(folder, ["mlp", "bert-gcn", "oracle"])
    runs = pd.read_parquet(folder / "runs.parquet")
    runs = pd.concat([runs.assign(draw=draw) for draw in (0, 1)])
    gone = (runs["text_signal"] == 0.8) & (runs["graph_signal"] == 0.5) & (runs["model"] == model) & (runs["draw"] == 1)
    runs[~gone].to_parquet(folder / "runs.parquet")
    figure = phase_figure.make(records.load([], ["mlp", "bert-gcn", "oracle"], CALL, [folder]))
    winners, optimum, won = ([text.get_text() for text in axis.texts].count(DASH) for axis in figure.axes)
    assert (winners, optimum, won) == ((1, 0, 0) if model == "mlp" else (0, 1, 1))
    assert "2 runs a cell" in figure.legends[0].get_title().get_text()


ERROR = 0.02  # of a difference


def scored(rng: np.random.Generator, spread: float) -> pd.DataFrame:
    """Accuracies of four models in 25 cells, which are about as good as each other."""
    truth = 0.8 + rng.normal(0, spread, (25, 4))
    return pd.DataFrame(truth + rng.normal(0, ERROR / 2**0.5, truth.shape), columns=["a", "b", "c", "d"])


def test_of_equally_good_models_nobody_wins_in_nineteen_diagrams_of_twenty() -> None:
    """By two standard errors of the best against the next, a cell or more would have a color in each of them."""
    rng = np.random.default_rng(0)
    colored = [phase_figure._leads(scored(rng, 0.0), ERROR)["told"].any() for _ in range(200)]
    assert np.mean(colored) < 0.08


def test_winners_are_told_by_statsmodels_holm_over_all_pairs_of_all_cells() -> None:
    scores = scored(np.random.default_rng(1), 0.05)
    apart = np.abs(scores.to_numpy()[:, :, None] - scores.to_numpy()[:, None])[:, *np.triu_indices(4, 1)]  # [25, 6]
    p = multipletests(2 * norm.sf(apart / ERROR).ravel(), method="holm")[1].reshape(apart.shape)
    ranked = np.sort(scores, axis=1)
    nearest = [
        np.flatnonzero(np.isclose(row, lead))[0] for row, lead in zip(apart, ranked[:, -1] - ranked[:, -2], strict=True)
    ]
    leads = phase_figure._leads(scores, ERROR)
    assert leads["told"].tolist() == (p[np.arange(25), nearest] < 0.05).tolist()
    assert 0 < leads["told"].sum() < 25
    assert leads["winner"].tolist() == scores.idxmax(axis=1).tolist()


def test_a_phase_diagram_that_lost_a_row_says_so(tmp_path: Path) -> None:
    figure = phase_figure.make(phase(tmp_path / "phase", ["mlp", "oracle"]))
    assert "rows of the phase diagram have no run" in figure.texts[0].get_text()
