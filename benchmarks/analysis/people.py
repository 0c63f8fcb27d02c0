"""What may be kept of people: nothing that rests on fewer than FEWEST students of a real dataset.

A score over a test side is kept whole, and so are the numbers of students of whole sides. Precision, recall and F1 are
such scores, however few a model takes for a class: what is not told is how many students a class of few has. Level 2.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.analysis.columns import COLUMNS
from benchmarks.data import parquet
from benchmarks.data.targets import Targets
from benchmarks.jobs import checksums

FEWEST = 5
"""Students that a row, bin, cell or mark rests on."""
SAID = {"card.json", "outcome.json", "provenance.json", checksums.FILE}
FILES = SAID | {f"{name}.parquet" for name in (*COLUMNS, "description")}
"""What a records folder of a real dataset may hold: of other tables nobody knows what their rows rest on."""
HIDDEN = f"suppressed, fewer than {FEWEST} students"
DRAWN = re.compile(r'id="nodes-([^"]+)"')
"""Datasets of whom a figure draws each node."""


def real(card: dict[str, Any]) -> bool:
    """Whether a dataset's students are people: all are, but those whose texts a program has drawn."""
    return card.get("text") != "drawn"


def merged(bins: np.ndarray, who: np.ndarray, fewest: int = FEWEST) -> np.ndarray:
    """Bins [n] joined with the next until each has `fewest` of the students `who` [n] or [n, k]; the lowest names them.

    What is left at the end goes to the bin before. With fewer students at all, one bin holds them.
    """
    groups: list[list[int]] = [[]]
    for one in np.unique(bins).tolist():
        groups[-1].append(one)
        if len(np.unique(who[np.isin(bins, groups[-1])])) >= fewest:
            groups.append([])
    rest = groups.pop()
    if rest:
        groups = [*groups[:-1], [*groups[-1], *rest]] if groups else [rest]
    lowest = {one: group[0] for group in groups for one in group}
    return np.array([lowest[one] for one in bins.tolist()], dtype=np.int64)


def check_counts(sides: Iterable[Targets]) -> None:
    """Raise ValueError for a target that is not a student of her own: records of people count targets as students."""
    if any(side.students.shape != (len(np.unique(side.students)),) for side in sides):
        raise ValueError("a student has several targets, or a target several students: its counts protect nobody")


def suppressed(name: str, frame: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """A table of records, `runs` beside it, with NaN where a cell rests on fewer than FEWEST students (none is none).

    A table counts targets, which are a student each (`check_counts`).

    `runs`: the prevalence where so few are, or are not, positive. `classes`: of a run in which so few are in a class,
    all but the micro average, for the other classes and their means would tell it. `alerts`: precision and recall where
    so few are seen, recall where the prevalence is suppressed (it would tell it), the lead time where so few are found.
    `description`: shares that count so few students. What is suppressed already stays so.
    """
    frame = frame.reset_index(drop=True)
    if name == "runs":
        few = _few(frame["prevalence"] * frame["students"]) | _few((1 - frame["prevalence"]) * frame["students"])
        frame["prevalence"] = frame["prevalence"].astype(float).where(~few)
    if name == "classes":
        frame["support"] = frame["support"].astype(float)
        few = _few(frame["support"]) | frame["support"].isna()
        run = frame.columns[: list(frame.columns).index("class")].tolist()
        beside = few.groupby([frame[column] for column in run]).transform("any") & (frame["class"] != "micro")
        frame.loc[few | beside, ["precision", "recall", "f1", "f1_chosen", "support"]] = np.nan
    if name == "alerts" and len(frame):
        run = frame.columns[: list(frame.columns).index("share")].tolist()
        runs = suppressed("runs", runs, runs)
        of = frame[run].merge(runs[[*run, "students", "prevalence"]], on=run, how="left").set_index(frame.index)
        seen = frame["share"] * of["students"]
        found = frame["precision"] * seen
        frame[["precision", "recall", "lead"]] = frame[["precision", "recall", "lead"]].astype(float)
        frame.loc[_few(found) | _few(seen), "lead"] = np.nan
        frame.loc[_few(seen) | of["prevalence"].isna(), "recall"] = np.nan
        frame.loc[_few(seen), "precision"] = np.nan
    if name == "description":
        for column in ("isolated", "wordless"):
            few = _few(frame[column] * frame["students"]) | _few((1 - frame[column]) * frame["students"])
            frame[column] = frame[column].where(~few)
        outside = _few((1 - frame["largest"]) * frame["students"])
        frame[["largest", "components"]] = frame[["largest", "components"]].astype(float)
        frame.loc[outside, ["largest", "components"]] = np.nan
    return frame


def _few(count: pd.Series) -> pd.Series:
    """Where somebody is counted, and fewer than FEWEST are; shares leave a rounding error."""
    return (count > 1e-3) & (count < FEWEST - 1e-3)


def breaches(folder: Path) -> Iterator[str]:
    """What a records folder holds that must not be kept: the file, a row of it, and how many there are."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8")) if (folder / "card.json").exists() else {}
    if not real(card):
        return
    for file in sorted(path for path in folder.iterdir() if path.name not in FILES):
        if not file.name.startswith(".snakemake"):
            rows = f" ({len(parquet.read(file))} rows)" if file.suffix == ".parquet" else ""
            yield f"{file}{rows} is no table of aggregates that is known"
    tables = {path.stem: parquet.read(path) for path in sorted(folder.glob("*.parquet")) if path.name in FILES}
    for name, frame in tables.items():
        wrong = _resting_on_few(name, frame, tables["runs"])
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            yield f"{folder / name}.parquet, row {row} and {int(wrong.sum()) - 1} more, rests on fewer than {FEWEST}"


def _resting_on_few(name: str, frame: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """Rows of a table that rest on few students, or hold a cell that does."""
    shown = suppressed(name, frame, runs)
    same = (shown == frame) | (shown.isna() & frame.isna())
    few = _few(frame["students"].astype(float)) if name in ("calibration", "network", "runs") else False
    return ~same.all(axis=1) | few


def drawn(figure: Path) -> list[str]:
    """Datasets of whom an SVG figure draws each node."""
    return DRAWN.findall(figure.read_text(encoding="utf-8"))
