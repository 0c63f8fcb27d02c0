"""Tables of records from what runs predict and what is true: pure functions, called by the verb `score`. Level 2."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.analysis import comparisons, controls, fairness, metrics, people
from benchmarks.analysis.alerts import alerts
from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.comparisons import Cell, Row
from benchmarks.analysis.networks import aggregates
from benchmarks.data.describe import description, picture
from benchmarks.data.predictions import Run
from benchmarks.data.targets import Sealed, Targets, by_student
from benchmarks.training.variants import BASE
from sgn.graph import StudentGraph

ANYBODY = 10**9
"""More than the units of any network: numbers those of several networks apart."""


def scored(
    dataset: str, cells: dict[str, dict[str, Any]], sealed: dict[str, Sealed], runs: list[Run]
) -> dict[str, Any]:
    """Tables `runs`, `classes` and `alerts`; `cells` are the options of each cell, `sealed` what is true of it."""
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in ("runs", "classes", "alerts")}
    for run in runs:
        for table, frame in zip(found.values(), _scored(sealed[run.cell], run), strict=True):
            table.append(frame.assign(dataset=dataset, **run.of | cells[run.cell]))
    dials = list(next(iter(cells.values())))
    tables = {
        name: pd.concat([pd.DataFrame(columns=[*dials, *COLUMNS[name]]), *frames]) for name, frames in found.items()
    }
    if runs and all(of.fewest > 1 for of in sealed.values()):
        people.check_counts(test for of in sealed.values() for test in of.test.values())
        return {name: people.suppressed(name, frame, tables["runs"]) for name, frame in tables.items()}
    return tables


def _scored(sealed: Sealed, run: Run) -> Iterable[pd.DataFrame]:
    """Scores of a run, its report by class and, of a binary task, its alerts."""
    validation, test = sealed.validation[run.split], sealed.test[run.split]
    row = {"students": len(np.unique(test.students)), "prevalence": metrics.prevalence(test.truth, run.test.shape[1])}
    row |= metrics.scores(test.truth, run.test)
    at, row["macro_f1_chosen"] = None, np.nan
    if sealed.kind != "multiclass":
        at = metrics.best_thresholds(validation.truth, run.validation)
        row["macro_f1_chosen"] = metrics.macro_f1_at(at, test.truth, run.test)
    row["validation"] = comparisons.score(sealed.kind, validation.truth, run.validation)
    yield pd.DataFrame([row])
    yield metrics.per_class(test.truth, run.test, list(sealed.classes), at)
    yield alerts(test, run.test, sealed.fewest) if sealed.kind == "binary" else pd.DataFrame()


def described(dataset: str, graph: StudentGraph, sealed: Sealed) -> dict[str, pd.DataFrame]:
    """What the dataset is like, with the labels that its splits know together; a synthetic network also to draw."""
    sides = [(sealed.train[split], sealed.validation[split], sealed.test[split]) for split in sealed.test]
    labels = by_student((side for split in sides for side in split), len(graph))
    ids = [(np.concatenate([train.students, validation.students]), test.students) for train, validation, test in sides]
    row = pd.DataFrame([{"dataset": dataset, **description(graph, labels, *(of for split in ids for of in split))}])
    tables = {"description": row, "network": aggregates(dataset, graph, labels)}
    if sealed.fewest > 1:
        return tables | {"description": people.suppressed("description", row, row)}
    return tables | dict(zip(("nodes", "links"), picture(graph, labels), strict=True))


def compared(
    dataset: str,
    sealed: Sealed,
    runs: list[Run],
    protected: dict[str, np.ndarray],
    tuned: set[str],
    references: dict[str, dict[str, str]],
) -> dict[str, pd.DataFrame]:
    """Comparisons of the rows, calibration and fairness of the unchanged models.

    `protected` are words [N] by attribute; `tuned` are the models that compete; `references` by model the other variant
    that a variant is compared with.
    """
    rows: dict[Row, dict[Cell, np.ndarray]] = {}
    seen: dict[str, list[float]] = {}
    bins, gaps = [pd.DataFrame(columns=COLUMNS["calibration"])], [pd.DataFrame(columns=COLUMNS["fairness"])]
    for run in runs:
        rows.setdefault((run.model, run.variant), {})[run.split, run.seed] = run.test
        if run.variant == BASE:
            bins.append(_calibration(sealed.test[run.split], run.test, sealed.fewest).assign(dataset=dataset, **run.of))
            score = comparisons.score(sealed.kind, sealed.validation[run.split].truth, run.validation)
            seen.setdefault(run.model, []).append(score)
    validation = {model: float(np.mean(each)) for model, each in seen.items() if model in tuned}
    for (model, variant), answers in rows.items():
        for attribute, words in protected.items() if variant == BASE else ():
            found = fairness.gaps(sealed.kind, sealed.test, answers, words)
            gaps.append(found.assign(dataset=dataset, model=model, attribute=attribute))
    return {
        "comparisons": comparisons.compare(dataset, sealed, rows, validation, references),
        "calibration": pd.concat(bins, ignore_index=True)[COLUMNS["calibration"]],
        "fairness": pd.concat(gaps, ignore_index=True)[COLUMNS["fairness"]],
    }


def _calibration(test: Targets, answers: np.ndarray, fewest: int) -> pd.DataFrame:
    """The reliability diagram of a run, with the error of its bins as they are, before they are joined."""
    error = metrics.calibration_error(metrics.reliability(test.truth, answers, test.students))
    diagram = metrics.reliability(test.truth, answers, test.students, fewest)
    return diagram.assign(ece=error, brier=metrics.brier(test.truth, answers))


def controlled(dataset: str, sealed: dict[str, Sealed], runs: list[Run], text_matters: bool) -> pd.DataFrame:
    """What the controls show, over all cells of a family, or the one of a dataset."""
    tests: dict[str, Targets] = {}
    rows: dict[Row, dict[Cell, np.ndarray]] = {}
    drawn: dict[bytes, int] = {}
    for run in runs:
        test, name = sealed[run.cell].test[run.split], f"{run.cell}/{run.split}"
        if len(sealed) > 1:  # cells with the same labels have the same students
            network = drawn.setdefault(test.truth.tobytes(), len(drawn))
            test = replace(test, units=test.units + network * ANYBODY)
        tests[name] = test
        rows.setdefault((run.model, run.variant), {})[name, run.seed] = run.test
    kind = next(iter(sealed.values())).kind
    found = controls.shown(kind, tests, rows, text_matters)
    return pd.DataFrame(found, columns=COLUMNS["controls"]).assign(dataset=dataset)
