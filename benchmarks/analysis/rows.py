"""Rows of tables: their labels, means, the notes on cells that are empty, and the marks of the best."""

import itertools
import string
from collections.abc import Sequence
from typing import Any

import pandas as pd

from benchmarks.analysis.records import Records
from benchmarks.analysis.style import label

DASH = "\N{EN DASH}"
BEST, TIED = "best", "tied"


def footnotes(found: Records) -> tuple[dict[tuple[str, ...], str], list[str]]:
    """A mark for each empty cell, and a note for each reason: what happened, how to retry.

    A cell is (dataset, model), or (dataset, model, variant) where an ablation failed alone.
    """
    marks: dict[tuple[str, ...], str] = {}
    notes: list[str] = []
    letters = ("".join(p) for n in (1, 2) for p in itertools.product(string.ascii_lowercase, repeat=n))
    for letter, empty in zip(letters, found.empty(), strict=False):  # 26 + 26² letters
        marks |= dict.fromkeys(empty.cells, f"[{letter}]")
        retry = f" Retry: {empty.retry}" if empty.retry else ""
        notes.append(f"[{letter}] {empty.status}: {empty.reason.rstrip('.')}.{retry}")
    return marks, notes


def row_label(found: Records, dataset: str, model: str, marks: dict[tuple[str, ...], str]) -> tuple[str, str]:
    """Labels of a row: the dataset with the kind of its text, the model with the mark of its footnote."""
    text = {"none": "no text", "titles": "titles as text"}
    kind = found.cards[dataset]["text"] if dataset in found.cards else ""
    first = f"{dataset} ({text.get(kind, f'{kind} text')})" if kind else dataset
    return first, " ".join(filter(None, (label(model), marks.get((dataset, model), ""))))


def mean_sd(name: str, values: pd.Series) -> dict[tuple[str, str], float]:
    """The columns of a score's mean ± sd: NaN where that of one run is, so that no run is left out."""
    return {(name, "mean"): values.mean(skipna=False), (name, "sd"): values.std(skipna=False)}


def named(labels: Sequence[tuple[Any, ...]], names: list[str]) -> pd.MultiIndex:
    """An index of labels; without any, their names stand alone."""
    levels: list[list[str]] = [[] for _ in names]
    return pd.MultiIndex.from_tuples(labels, names=names) if labels else pd.MultiIndex.from_arrays(levels, names=names)


def framed(rows: Sequence[dict[Any, Any]], labels: Sequence[tuple[Any, ...]], names: list[str]) -> pd.DataFrame:
    """Rows, each by pairs of columns, under their labels; without any, the names of the labels stand alone."""
    index = named(labels, names)
    return pd.DataFrame(rows, index=index, columns=pd.MultiIndex.from_tuples(rows[0]) if rows else None)
