"""Every table and figure file, on records made up here: contents, footnotes, bytes, LaTeX that compiles."""

import math
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

from benchmarks import figure, summary, table
from benchmarks.analysis import records
from benchmarks.analysis.columns import COLUMNS, METRICS
from benchmarks.analysis.metrics import SCORES
from benchmarks.analysis.rows import DASH
from benchmarks.data.storage import read_json, write_json
from benchmarks.jobs.outcome import Outcome
from benchmarks.planning.workflow import command

TABLES = sorted(p.stem for p in (ROOT / "benchmarks/tables").glob("[a-z]*.py"))
FIGURES = sorted(p.stem for p in (ROOT / "benchmarks/figures").glob("[a-z]*.py"))
MODELS = ["majority", "mlp", "gcn", "my-model_2"]
CALL = "snakemake --cores all"


def save(folder: Path, runs: list, classes: list, outcomes: list) -> None:
    folder.mkdir(parents=True)
    frames = {"runs": runs, "classes": classes, "trials": [], "outcomes": outcomes}
    for name, rows in frames.items():
        pd.DataFrame(rows, columns=COLUMNS[name]).to_parquet(folder / f"{name}.parquet", index=False)


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Records of one dataset with a failed model, and of one that is not available."""
    place = tmp_path / "results" / "default"
    runs, classes, outcomes = [], [], []
    for model in MODELS:
        reason = "RuntimeError: 50% of R&D_x #1 {broke} in /home\\x"
        ended = Outcome("failed", reason, "results/default/predictions/toy/gcn") if model == "gcn" else Outcome("ok")
        outcomes.append({"dataset": "toy", "model": model, "variant": "base", **vars(ended)})
        if model == "gcn":
            continue
        for seed, score in enumerate((0.6, 0.7)):
            for variant in ("base", "no edges")[: 2 if model == "mlp" else 1]:
                of = {"dataset": "toy", "model": model, "variant": variant, "split": "0", "seed": seed}
                value = score - 0.1 * (variant != "base")
                runs.append(
                    of | {"students": 50, "prevalence": 0.3, "validation": value / 2} | dict.fromkeys(SCORES, value)
                )
                classes += [
                    of | {"class": c, "precision": 0.5, "recall": 0.25, "f1": 1 / 3, "support": 25}
                    for c in ("no", "yes", "micro", "macro", "weighted")
                ]
    save(place / "records" / "toy", runs, classes, outcomes)
    card = {"kind": "binary", "target": "drops out", "text": "template", "classes": ["no", "yes"]}
    write_json(place / "records" / "toy" / "card.json", card)
    away = Outcome("not available", "no raw file", "results/default/data/far")
    save(
        place / "records" / "far",
        [],
        [],
        [{"dataset": "far", "model": m, "variant": "base", **vars(away)} for m in MODELS],
    )
    return [place / "records" / "toy", place / "records" / "far"]


def test_what_a_name_or_reason_holds_is_shown_as_it_is(folders: list[Path], tmp_path: Path) -> None:
    file = next(f / "outcomes.parquet" for f in folders if (f / "outcomes.parquet").exists())
    outcomes = pd.read_parquet(file)
    reason = "ValueError: a | b, <script>x</script> *c* [d](e)\n" + "y" * 1_000_000 + " (mine.py, line 3)"
    outcomes.assign(reason=reason).to_parquet(file, index=False)
    table.run("benchmarks.tables.main", folders, MODELS, CALL, tmp_path / "main")
    text = (tmp_path / "main.md").read_text(encoding="utf-8")
    assert r"ValueError: a \| b, \<script>x\</script> \*c\* [d]\(e)" in text
    assert "(mine.py, line 3)" in text, "its end says where"
    assert all((tmp_path / f"main.{end}").stat().st_size < 20_000 for end in ("csv", "md", "tex"))
    shown = pd.DataFrame({"x": ["<b>"]}, index=pd.Index(["a | b"], name="row"))
    shown.attrs = {"caption": "", "notes": []}
    assert r"| a \| b | \<b> |" in re.sub(" +", " ", table.markdown(shown))
    assert r"a $|$ b & \ensuremath{<}b\ensuremath{>}" in table.latex(shown, "x")


def test_main_table(folders: list[Path]) -> None:
    table.run("benchmarks.tables.main", folders, MODELS, CALL, folders[0].parent / "main")
    numbers = pd.read_csv(folders[0].parent / "main.csv").set_index(["Dataset", "Model"])
    row = numbers.loc[("toy (template text)", "MLP")]
    assert row["Accuracy mean"] == pytest.approx(0.65)
    assert row["Accuracy sd"] == pytest.approx(0.0707107, abs=1e-6)
    assert row["Runs"] == 2
    shown = (folders[0].parent / "main.md").read_text(encoding="utf-8")
    assert "0.650 ± 0.071" in shown
    assert "GCN [a]" in shown
    assert "[a] failed: RuntimeError" in shown
    assert "Retry: snakemake --cores all -R results/default/predictions/toy/gcn" in shown
    assert "[b] not available: no raw file" in shown
    assert shown.count("[b]") == len(MODELS) + 1
    assert "my-model_2" in shown, "a new model appears without any other change"


def test_heads_that_know_their_students_are_too_sure(folders: list[Path]) -> None:
    of = {"dataset": "toy", "recipe": "some", "split": "0", "loss": 0.5}
    rows = [
        of | {"seed": seed, "students": students, "accuracy": 0.8, "confidence": confidence + 0.02 * seed}
        for seed in (0, 1)
        for students, confidence in (("training", 0.95), ("validation", 0.79))
    ]
    pd.DataFrame(rows).to_parquet(folders[0] / "heads.parquet", index=False)
    frame = table.load("benchmarks.tables.heads").make(records.load(folders, MODELS, CALL))
    assert frame.index.tolist() == [("toy (template text)", "some", s) for s in ("training", "validation")]
    assert frame["Overconfidence", "mean"].tolist() == pytest.approx([0.16, 0.0])
    assert frame["Runs", ""].tolist() == [2, 2]


def test_a_mean_leaves_no_run_out(folders: list[Path]) -> None:
    """Where a score of one run is not defined, the mean over the runs is not, and the row is neither best nor tied."""
    file = folders[0] / "runs.parquet"
    runs = pd.read_parquet(file)
    runs.loc[(runs["model"] == "mlp") & (runs["seed"] == 1), "roc_auc"] = math.nan
    runs.to_parquet(file, index=False)
    row = dict.fromkeys(COLUMNS["comparisons"], math.nan) | {"dataset": "toy", "question": "best", "split": ""}
    row |= {"model": "mlp", "variant": "base", "reference": "my-model_2", "reference_variant": "base"}
    differences = pd.DataFrame([row | {"metric": "roc_auc", "verdict": "undecided"}])
    differences.to_parquet(folders[0] / "comparisons.parquet", index=False)
    found = records.load(folders, MODELS, CALL)
    main, headline = (table.load(f"benchmarks.tables.{name}").make(found) for name in ("main", "headline"))
    row = main.loc[("toy (template text)", "MLP")]
    assert row["Runs", ""] == 2
    assert row[[("ROC-AUC", "mean"), ("ROC-AUC", "sd")]].isna().all()
    assert row["Accuracy", "mean"] == pytest.approx(0.65)
    assert [mark for mark in main.attrs["marks"]["ROC-AUC"] if mark] == ["best"]
    assert math.isnan(headline.loc["toy (template text)", ("MLP", "mean")])


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("ablations", ("Difference", "mean")),
        ("calibration", ("ECE", "mean")),
        ("early_warning", ("ROC-AUC", "sd")),
        ("efficiency", ("ROC-AUC", "mean")),
        ("headline", ("MLP", "sd")),
        ("heads", ("Log-loss", "mean")),
        ("main", ("ROC-AUC", "sd")),
        ("self_supervision", ("Difference", "mean")),
        ("variance", "Deviation"),
    ],
)
def test_where_the_score_of_a_run_is_not_defined_no_mean_is(folders: list[Path], name: str, column: object) -> None:
    """It is that of the MLP with seed 1, on either split."""
    toy, models = folders[0], [*MODELS, "oracle", "oracle-text", "oracle-graph"]
    runs = pd.read_parquet(toy / "runs.parquet")
    mlp = runs[(runs["model"] == "mlp") & (runs["variant"] == "base")]
    oracles = [mlp.assign(model=model, accuracy=0.9 if model == "oracle" else 0.5) for model in models[-3:]]
    runs = pd.concat([runs, *oracles])
    runs.loc[(runs["model"] == "mlp") & (runs["variant"] == "base") & (runs["seed"] == 1), "roc_auc"] = math.nan
    runs = pd.concat([runs, runs.assign(split="1")], ignore_index=True)
    own = runs[(runs["model"] == "mlp") & (runs["variant"] == "base")]
    frames = {
        "runs": runs,
        "alerts": own.assign(share=0.1, precision=0.5, recall=0.5, lead=math.nan)[COLUMNS["alerts"]],
        "calibration": own.assign(ece=own["roc_auc"], bin=0).reindex(columns=COLUMNS["calibration"]),
        "heads": own.assign(recipe="some", students="training", loss=own["roc_auc"], confidence=0.5),
        "uses": pd.DataFrame([{"dataset": "toy", "model": "mlp", "variant": "no edges", "recipe": "some"}]),
    }
    for which, of in frames.items():
        of.to_parquet(toy / f"{which}.parquet", index=False)
    write_json(toy / "card.json", read_json(toy / "card.json") | {"replication": "folds"})
    frame = table.load(f"benchmarks.tables.{name}").make(records.load(folders, models, CALL))
    rows = frame[[name in ("headline", "heads") or "MLP" in label for label in frame.index.map(str)]]
    assert len(rows)
    assert rows[column].isna().all()
    if "Runs" in rows:
        assert (rows["Runs"] == 4).all(axis=None)


def test_ablations_are_paired(folders: list[Path]) -> None:
    frame = table.load("benchmarks.tables.ablations").make(records.load(folders, MODELS, CALL))
    assert frame["Difference", "mean"].tolist() == pytest.approx([-0.1])
    assert frame["Difference", "sd"].tolist() == pytest.approx([0.0], abs=1e-12)
    assert frame["On validation", "mean"].tolist() == pytest.approx([-0.05])


def test_an_ablation_against_another_says_so(folders: list[Path]) -> None:
    file = folders[0] / "runs.parquet"
    runs = pd.read_parquet(file)
    more = runs[runs["variant"] == "no edges"].assign(variant="nothing", validation=0.2, roc_auc=0.45)
    pd.concat([runs, more]).to_parquet(file, index=False)
    named = pd.DataFrame([["toy", "mlp", "nothing", "no edges"]], columns=COLUMNS["references"])
    named.to_parquet(folders[0] / "references.parquet")
    make = table.load("benchmarks.tables.ablations").make
    frame = make(records.load(folders, MODELS, CALL))
    assert [change for _, _, change in frame.index] == ["no edges", "nothing (against no edges)"]
    assert frame["Difference", "mean"].tolist() == pytest.approx([-0.1, -0.1])
    assert frame["On validation", "mean"].tolist() == pytest.approx([-0.05, -0.075])
    pd.concat([runs[runs["variant"] == "base"], more]).to_parquet(file, index=False)  # the other one was lost
    (alone,) = make(records.load(folders, MODELS, CALL)).to_dict("records")
    assert alone["With it", "mean"] == pytest.approx(0.45)
    assert math.isnan(alone["Difference", "mean"])
    assert math.isnan(alone["On validation", "mean"])
    assert alone["Runs", ""] == 0


def test_a_new_model_stands_in_tables_and_figures(tmp_path: Path) -> None:
    """Real records, in which another model has a name that nothing knows."""
    folder = tmp_path / "webkb"
    shutil.copytree(ROOT / "results/reference/default@epyc-2core/records/webkb", folder)
    for file in folder.glob("*.parquet"):
        frame = pd.read_parquet(file)
        names = frame.select_dtypes("str").columns
        frame[names] = frame[names].replace("frozen-mlp", "one-more")
        frame.to_parquet(file, index=False)
    (folder / "checksums.json").unlink(missing_ok=True)
    models = ["majority", "mlp", "gcn", "transformer", "bert-gcn", "one-more"]
    for name in ("headline", "main", "significance", "classes", "calibration", "tuning", "hyperparameters"):
        table.run(f"benchmarks.tables.{name}", [folder], models, CALL, tmp_path / name)
        assert "one-more" in (tmp_path / f"{name}.md").read_text(encoding="utf-8"), name
    figure.run("benchmarks.figures.main", [folder], models, CALL, tmp_path / "drawn")
    assert "one-more" in (tmp_path / "drawn.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TABLES)
def test_same_records_same_bytes(folders: list[Path], name: str) -> None:
    for place in ("a", "b"):
        table.run(f"benchmarks.tables.{name}", folders, MODELS, CALL, folders[0].parent / place / name)
    for suffix in (".csv", ".md", ".tex"):
        one, two = ((folders[0].parent / p / name).with_suffix(suffix).read_bytes() for p in ("a", "b"))
        assert one == two
        assert one


@pytest.mark.parametrize("name", FIGURES)
def test_figures_same_records_same_bytes(folders: list[Path], name: str) -> None:
    for place in ("a", "b"):
        figure.run(f"benchmarks.figures.{name}", folders, MODELS, CALL, folders[0].parent / place / name)
    for suffix in (".svg", ".pdf", ".png"):
        one, two = ((folders[0].parent / p / name).with_suffix(suffix).read_bytes() for p in ("a", "b"))
        assert one == two
        assert len(one) > 2000


@pytest.mark.parametrize("name", [*TABLES, *FIGURES])
def test_nothing_available_is_no_error(folders: list[Path], name: str) -> None:
    kind, module = ("tables", table) if name in TABLES else ("figures", figure)
    module.run(f"benchmarks.{kind}.{name}", folders[1:], MODELS, CALL, folders[0].parent / "none" / name)


needs_latex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")


def compiled(place: Path, name: str) -> str:
    """What LaTeX says of a document with the table `name` of the folder `place`; fails where it does not compile."""
    packages = "\\usepackage{booktabs,graphicx,longtable,multirow,pdflscape}"
    document = "\\documentclass{article}%s\\begin{document}\\input{%s}\\end{document}" % (packages, name)  # noqa: UP031
    (place / "document.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def assert_fits(said: str) -> None:
    """On the page of an article."""
    assert "Float too large" not in said
    assert not [points for points in re.findall(r"Overfull .hbox \((\d+)", said) if int(points) > 20]


@needs_latex
@pytest.mark.parametrize("name", TABLES)
def test_latex_compiles_and_fits_the_page(folders: list[Path], name: str) -> None:
    place = folders[0].parent
    table.run(f"benchmarks.tables.{name}", folders, MODELS, CALL, place / name)
    assert_fits(compiled(place, name))


@needs_latex
@pytest.mark.parametrize("name", ["ablations", "main", "significance", "hyperparameters", "tuning"])
def test_the_references_largest_tables_fit_the_page(tmp_path: Path, name: str) -> None:
    shutil.copy(ROOT / f"results/reference/default@epyc-2core/tables/{name}.tex", tmp_path)
    compiled(tmp_path, name)
    assert_fits(compiled(tmp_path, name))  # a long table knows its columns the second time


def test_summary_names_causes_and_commands(folders: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert summary.run(folders, CALL) == 1
    said = capsys.readouterr().out
    assert "3 of 8 cells are filled." in said
    assert "failed: toy/gcn" in said
    assert "again: snakemake --cores all -R results/default/data/far" in said
    assert summary.run(folders[1:], CALL) == 0, "what is not available here has not failed"
    lost, absent = folders[0].parent / "cost-toy", folders[0].parent / "nowhere"
    lost.mkdir()
    for status, reason in (("failed", "killed by SIGKILL"), ("not available", "no raw file")):
        Outcome(status, reason, "results/default/timing/records/cost-toy").write(lost)
        assert summary.run(folders[1:], CALL, [lost]) == int(status == "failed")
        assert f"{status}: {lost}\n  why: {reason}\n  again: {CALL} -R results/def" in capsys.readouterr().out
    assert summary.run([*folders[1:], absent], CALL) == 1
    assert f"missing: {absent}\n  why: a job before it has not ended" in capsys.readouterr().out


def test_a_failed_variant_loses_its_own_row(folders: list[Path]) -> None:
    outcomes = pd.read_parquet(folders[0] / "outcomes.parquet")
    lost = {
        "dataset": "toy",
        "model": "mlp",
        "variant": "wide",
        "status": "failed",
        "reason": "too wide",
        "origin": "x",
    }
    pd.concat([outcomes, pd.DataFrame([lost])]).to_parquet(folders[0] / "outcomes.parquet", index=False)
    table.run("benchmarks.tables.ablations", folders, MODELS, CALL, folders[0].parent / "ablations")
    shown = (folders[0].parent / "ablations.md").read_text(encoding="utf-8")
    assert re.search(r"no edges +\| ROC-AUC +\| 0\.550 ± 0\.071 +\| -0\.100", shown)
    assert re.search(rf"wide \[b\] +\| ROC-AUC +\| {DASH} +\| {DASH} +\| {DASH} +\| 0 ", shown)
    assert "[b] failed: too wide." in shown
    assert "[a]" not in shown, "only its own notes"


@pytest.fixture
def unscored(tmp_path: Path) -> Path:
    """A records folder as the supervisor leaves it where scoring has failed."""
    folder = tmp_path / "results" / "default" / "records" / "unscored"
    folder.mkdir(parents=True)
    Outcome("failed", "killed by SIGKILL", str(folder.relative_to(tmp_path))).write(folder)
    command = "sgn score --dataset unscored --predictions r/p/unscored/mlp r/p/unscored/gcn --tuning r/t/unscored/mlp"
    write_json(folder / "provenance.json", {"command": command})
    return folder


def test_a_failed_scoring_loses_its_own_dataset(folders: list[Path], unscored: Path) -> None:
    table.run("benchmarks.tables.main", [*folders, unscored], MODELS, CALL, folders[0].parent / "main")
    shown = (folders[0].parent / "main.md").read_text(encoding="utf-8")
    assert re.search(rf"\| unscored +\| MLP \[c\] +\| {DASH} ", shown)
    assert shown.count("[c]") == 3, "the two models that were to be scored, and the note"
    assert "[c] failed: killed by SIGKILL. Retry: snakemake --cores all -R results/default/records/unscored" in shown
    assert "0.650 ± 0.071" in shown, "the other dataset is there"


@pytest.mark.parametrize("name", [*TABLES, *FIGURES])
def test_nothing_scored_is_no_error(unscored: Path, name: str) -> None:
    kind, module = ("tables", table) if name in TABLES else ("figures", figure)
    made = unscored.parent / "none" / name
    module.run(f"benchmarks.{kind}.{name}", [unscored], MODELS, CALL, made, families_of=[unscored])
    assert summary.run([unscored], CALL) == 1


def test_what_does_not_apply_is_noted_once(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("here", "there")]
    for place in places:
        ended = Outcome("not applicable", "the dataset has no text", f"results/t/states/{place.name}")
        save(place, [], [], [{"dataset": place.name, "model": "mlp", "variant": "base", **vars(ended)}])
    (empty,) = records.load(places, MODELS, CALL).empty()
    assert empty.cells == [("here", "mlp"), ("there", "mlp")]


def test_what_makes_no_sense_is_not_retried(folders: list[Path]) -> None:
    cause = records.Empty("not applicable", "the dataset has no text", "x", CALL, [])
    assert cause.retry == ""


def test_the_command_of_a_tier() -> None:
    assert command(["config/default.yaml"]) == command([]) == "snakemake --cores all"
    both = ["config/default.yaml", "config/timing.yaml"]
    assert command(both) == "snakemake --cores all --configfile config/default.yaml config/timing.yaml"
    given = command([str(Path.cwd() / "config" / "smoke.yaml")])
    assert given == "snakemake --cores all --configfile config/smoke.yaml"
    given = command(["config/default.yaml"], {"trials": 3, "device": "cpu", "mirror": "my data"})
    assert given == "snakemake --cores all --config trials=3 device=cpu 'mirror=my data'"


def test_records_have_a_column_for_each_score() -> None:
    assert set(METRICS) == {*SCORES, "macro_f1_chosen"}


@pytest.mark.parametrize("name", [name for name in TABLES if name != "main"])  # which has a row whatever is missing
def test_a_table_without_rows_keeps_the_names_of_its_labels(name: str, tmp_path: Path) -> None:
    table.run(f"benchmarks.tables.{name}", [], [], CALL, tmp_path / name)
    lines = (tmp_path / f"{name}.md").read_text(encoding="utf-8").splitlines()
    head = next((line for line in lines if line.startswith("|")), "|")
    assert "index" not in re.split(r"\W+", head), head
    assert (tmp_path / f"{name}.csv").read_text(encoding="utf-8").split(",")[0].strip('"\n')


def test_early_warning_has_ordinary_datasets_too(folders: list[Path]) -> None:
    of = {"dataset": "toy", "model": "mlp", "variant": "base", "split": "0", "lead": math.nan}
    seen = [(0, 0.1, 0.8), (1, 0.1, 0.6), (0, 0.2, 0.5), (1, 0.2, math.nan)]
    rows = [of | {"seed": seed, "share": share, "precision": p, "recall": p / 2} for seed, share, p in seen]
    pd.DataFrame(rows).to_parquet(folders[0] / "alerts.parquet", index=False)
    frame = table.load("benchmarks.tables.early_warning").make(records.load(folders, MODELS, CALL))
    assert frame.index.tolist() == [("toy", DASH, "MLP")]
    assert frame["Precision at 10%", ""].tolist() == pytest.approx([0.7])
    assert frame["Precision at 20%", ""].isna().all(), "of a suppressed run nothing is averaged"
    assert "toy: a dash among those seen is suppressed" in frame.attrs["notes"][0]


def test_a_legend_names_what_is_drawn_only(folders: list[Path]) -> None:
    shown = table.load("benchmarks.figures.main").make(records.load(folders, MODELS, CALL))
    words = [text.get_text() for text in shown.legends[0].get_texts()]
    assert "Majority" in words, "which ran"
    assert "Oracle: all" not in words


def test_the_main_figure_has_a_mean_an_interval_and_a_tick_a_run(folders: list[Path]) -> None:
    pair = dict.fromkeys(COLUMNS["comparisons"], math.nan) | {"dataset": "toy", "question": "best", "split": ""}
    pair |= {"model": "mlp", "variant": "base", "reference": "my-model_2", "reference_variant": "base"}
    pd.DataFrame([pair | {"score_low": 0.5, "score_high": 0.8}]).to_parquet(
        folders[0] / "comparisons.parquet", index=False
    )
    (panel,) = table.load("benchmarks.figures.main").make(records.load(folders, MODELS, CALL)).axes
    assert [text.get_text() for text in panel.get_yticklabels()] == ["MLP", "my-model_2"]
    mlp, other = (ticks.get_offsets().tolist() for ticks in panel.collections)
    assert mlp == [[0.6, 0], [0.7, 0]]
    assert other == [[0.6, 1], [0.7, 1]]
    drawn = [line.get_xydata().tolist() for line in panel.get_lines()]
    assert [[0.5, 0.0], [0.8, 0.0]] in drawn, "the interval is that of the records"
    assert any(point == pytest.approx([0.65, 0.0]) for line in drawn for point in line), "the mean"
