"""What the committed reference must hold: no model knows more than can be known, and nothing shows a real student."""

import json
import math
import re
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from benchmarks.analysis import people
from benchmarks.keep import check_people

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


FOLDERS = sorted((ROOT / "results" / "reference").glob("*/records/*"))


@pytest.mark.parametrize("folder", FOLDERS, ids=[f"{f.parts[-3]}-{f.name}" for f in FOLDERS])
def test_no_kept_record_shows_few_real_students(folder: Path) -> None:
    assert not list(people.breaches(folder))


def recovered(folder: Path) -> set[str]:
    """Ways in which kept numbers tell, put together, how many real students a class of few has, or how they fare.

    `sizes`: recalls of the other classes have their sizes as denominators. `means`: a mean over classes less those that
    are shown is that of the one class that is not. `prevalence` and `alerts`: those at risk, over all or those found.
    """
    card = json.loads((folder / "card.json").read_text())
    if not people.real(card) or card["kind"] == "multilabel":
        return set()
    runs, classes, alerts = (pd.read_parquet(folder / f"{name}.parquet") for name in ("runs", "classes", "alerts"))
    run = list(classes.columns[: list(classes.columns).index("class")])
    classes = classes.merge(runs[[*run, "students", "macro_f1"]], on=run)
    average = classes["class"].isin(["micro", "macro", "weighted"])
    each, macro = classes[~average], classes[classes["class"] == "macro"].set_index(run)
    found: set[str] = set()
    for _, side in each.groupby([column for column in run if column not in ("model", "variant", "seed")]):
        recalls = side.dropna(subset="recall").groupby("class")["recall"].unique()
        students = int(side["students"].iloc[0])
        known = [math.lcm(*(Fraction(r).limit_denominator(students).denominator for r in of)) for of in recalls]
        if len(known) == side["class"].nunique() - 1 and few(students - sum(known), students):
            found.add("sizes")
    harmonic = 2 * each["precision"] * each["recall"] / (each["precision"] + each["recall"])
    each = each.assign(f1=each["f1"].fillna(harmonic))
    for score, mean in (("precision", "precision"), ("recall", "recall"), ("f1", "macro_f1")):
        if (macro[mean].notna() & (each[score].isna().groupby([each[c] for c in run]).sum() == 1)).any():
            found.add("means")
    if card["kind"] == "binary":
        alerts = alerts.merge(runs[[*run, "students"]], on=run)
        at_risk = alerts["precision"] * alerts["share"] * alerts["students"] / alerts["recall"]
        for way, count, of in (
            ("prevalence", runs["prevalence"] * runs["students"], runs),
            ("alerts", at_risk, alerts),
        ):
            if any(few(*pair) for pair in zip(count.dropna(), of["students"][count.notna()], strict=True)):
                found.add(way)
    return found


def few(count: float, students: int) -> bool:
    """Whether somebody, but hardly anybody, is counted, or not counted."""
    return any(0.01 < one < people.FEWEST - 0.01 for one in (count, students - count))


@pytest.mark.parametrize("folder", FOLDERS, ids=[f"{f.parts[-3]}-{f.name}" for f in FOLDERS])
def test_no_class_of_few_can_be_recovered_from_kept_records(folder: Path) -> None:
    assert not recovered(folder)


def blank(classes: pd.DataFrame) -> pd.DataFrame:
    """One class hidden, and nothing else but supports."""
    hidden = classes["class"] == "takes it up"
    scores = classes[["precision", "recall", "f1"]].mask(hidden)
    return classes.assign(support=np.nan, **scores)


RECOVERIES: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "means": ("classes", blank),
    "prevalence": ("runs", lambda runs: runs.assign(prevalence=3 / runs["students"])),
    "alerts": ("alerts", lambda alerts: alerts.assign(recall=alerts["recall"] * 2)),
}


@pytest.mark.parametrize("way", RECOVERIES)
def test_a_class_of_few_that_can_be_recovered_is_noticed(way: str, tmp_path: Path) -> None:
    folder = tmp_path / "glasgow-cannabis"
    shutil.copytree(next(f for f in FOLDERS if f.name == folder.name), folder)
    name, change = RECOVERIES[way]
    file = folder / f"{name}.parquet"
    change(pd.read_parquet(file)).to_parquet(file)
    assert way in recovered(folder)


def test_the_size_of_a_class_is_recovered_from_the_recalls_of_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "glasgow-cannabis"
    shutil.copytree(next(f for f in FOLDERS if f.name == folder.name), folder)
    classes, runs = (pd.read_parquet(folder / f"{name}.parquet") for name in ("classes", "runs"))
    blank(classes).to_parquet(folder / "classes.parquet")
    runs.assign(students=runs["students"] - 2).to_parquet(folder / "runs.parquet")
    assert "sizes" in recovered(folder), "three or four are left"


@pytest.mark.parametrize("reference", sorted((ROOT / "results" / "reference").glob("*@*")), ids=lambda path: path.name)
def test_no_kept_table_or_figure_shows_few_real_students(reference: Path) -> None:
    """Numbers of students in tables, and whose nodes figures draw; all files are of a kind that is read here."""
    cards = {card.parent.name: json.loads(card.read_text()) for card in reference.glob("records/*/card.json")}
    persons = {name for name, card in cards.items() if people.real(card)}
    kinds = {".parquet", ".json", ".csv", ".md", ".tex", ".svg", ".pdf", ".png", ".txt"}
    assert {file.suffix for file in reference.rglob("*") if file.is_file()} <= kinds
    for figure in reference.rglob("*.svg"):
        assert not persons & set(people.drawn(figure)), figure
        if figure.stem == "networks":
            described = {name for name in persons if (reference / "records" / name / "network.parquet").exists()}
            assert described == persons & set(re.findall('id="aggregates-([^"]+)"', figure.read_text()))
    for file in reference.glob("tables/*.csv"):
        table = pd.read_csv(file)
        if file.stem in ("datasets", "classes"):
            table = table[table["Dataset"].str.partition(" ")[0].isin(persons)]
            few = table["Isolated"] * table["Students"] if file.stem == "datasets" else table["Support"]
            assert not ((few > 0.01) & (few < people.FEWEST - 0.01)).any(), file


BREACHES: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "a bin of a pupil": ("calibration", lambda bins: bins.assign(students=[1, *bins["students"][1:]])),
    "a class of four": ("classes", lambda classes: classes.assign(support=4.0)),
    "two seen first": ("alerts", lambda alerts: alerts.assign(precision=0.5, share=0.1)),
    "three isolated": ("description", lambda row: row.assign(isolated=3 / row["students"])),
    "a cell of two": ("network", lambda cells: cells.assign(students=2.0)),
    "a test side of three": ("runs", lambda runs: runs.assign(students=3)),
    "three at risk": ("runs", lambda runs: runs.assign(prevalence=3 / runs["students"])),
    "a row a pupil": ("nodes", lambda _: pd.DataFrame({"x": [0.0], "y": [0.0], "label": [1]})),
}


@pytest.mark.parametrize("what", BREACHES)
def test_what_shows_few_real_students_is_not_kept(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "glasgow-cannabis"
    shutil.copytree(next(f for f in FOLDERS if f.name == folder.name), folder)
    check_people([folder], tmp_path / "networks.svg")
    name, change = BREACHES[what]
    file = folder / f"{name}.parquet"
    change(pd.read_parquet(file) if file.exists() else pd.DataFrame()).to_parquet(file)
    with pytest.raises(SystemExit, match=rf"{name}.parquet.*row.*(\n.*)*not kept, for real students"):
        check_people([folder], tmp_path / "networks.svg")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"text": "drawn"}))
    check_people([folder], tmp_path / "networks.svg")


def test_a_figure_that_draws_a_real_network_is_not_kept(tmp_path: Path) -> None:
    folder = next(f for f in FOLDERS if f.name == "glasgow-cannabis")
    (tmp_path / "networks.svg").write_text('<g id="nodes-glasgow-cannabis">')
    with pytest.raises(SystemExit, match="draws the nodes of glasgow-cannabis"):
        check_people([folder], tmp_path / "networks.svg")


def test_there_is_a_reference() -> None:
    assert RECORDS
