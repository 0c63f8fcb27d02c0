"""Verb `score`: predictions and sealed labels to a dataset's tidy records. The only verb that reads sealed labels.

A records folder holds `card.json` (what the dataset is) and these tables as Parquet: `runs` (a row a model, variant,
split and seed: scores on test, and the headline one on validation), `classes` (a row a run and class), `alerts` (of a
binary task, a row a run and share of the students whom staff can see), `trials` (a row a trial, of recipes and of
rows, there with the recipe whose trials are charged to the row), `outcomes` (a row a model, and one a failed variant
or cell: ok or why not), `description` (one row: size, contacts, texts), `network` (a row a bin of degrees, components
and weights, and a cell of the mixing between classes), and of a synthetic network a sample to draw (`nodes`, `links`).
Of a real dataset no row, bin or cell rests on fewer than five students (`benchmarks.analysis.people`): bins are
joined, cells are NaN. Where recipes are fine-tuned, also `heads` (a row a recipe, split, seed and kind of students:
how far its head can be trusted); where they are pretrained, `pretraining` (a row a recipe and split: its measure before
and after), `curves` (a row an epoch of these: losses) and `uses` (a row a variant that changes nothing but the recipe
of the unchanged model, to one of these). Where variants are compared with others, `references` (a row each).
`controls` (a row a control: what it shows, and the noise of that). But for families, `pairs` (a row a comparison of
two rows: difference, interval, verdict), `calibration` (a row an unchanged model's run and bin of its probabilities,
with the run's ECE and Brier score) and `fairness` (a row an unchanged model, protected attribute and measure: the gap
between groups).
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.analysis import comparisons, controls, fairness, people
from benchmarks.analysis.alerts import alerts
from benchmarks.analysis.columns import COLUMNS
from benchmarks.analysis.metrics import (
    best_thresholds,
    brier,
    calibration_error,
    macro_f1_at,
    per_class,
    prevalence,
    reliability,
    scores,
)
from benchmarks.analysis.networks import aggregates
from benchmarks.data import parquet
from benchmarks.data.describe import description, picture
from benchmarks.data.grid import cells
from benchmarks.data.predictions import Run, Sides, load
from benchmarks.data.storage import (
    load_graph,
    load_lead,
    load_protected,
    load_split,
    load_task,
    load_test,
    read_json,
    write_json,
)
from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import FAILED, NO_TEXT, NOT_APPLICABLE, OK, Outcome
from benchmarks.training.variants import BASE

ANYBODY = 10**9
"""More than the students of any network: numbers students of several networks apart."""


def run(
    dataset: str,
    data: Path,
    sealed: Path,
    predictions: list[Path],
    output: Path,
    tuning: list[Path] = [],  # noqa: B006  read only
    searches: list[Path] = [],  # noqa: B006  read only
    finetunings: list[Path] = [],  # noqa: B006  read only
    pretrainings: list[Path] = [],  # noqa: B006  read only
    uses: dict[str, dict[str, str]] = {},  # noqa: B006  read only
    grid: dict[str, list[Any]] = {},  # noqa: B006  read only
    charges: dict[str, str] = {},  # noqa: B006  read only
    references: dict[str, dict[str, str]] = {},  # noqa: B006  read only
    without_text: list[str] = [],  # noqa: B006  read only
    source: str = "",
    text_matters: bool = False,
) -> None:
    """Score every model's `predictions` folder; the folder's name is the model's.

    Of a family, each folder holds one a cell of `grid`, whose options are columns of `runs`, `classes` and `alerts`; a
    cell without a run is among the `outcomes`, its name in the place of a variant's. `uses` tells by model and variant
    which pretrained recipe a variant puts in the place of the model's own; `charges` by model the recipe whose trials
    are charged to its row; `references` by model and variant the other variant that it is compared with, where it is
    not the unchanged model. `without_text` are models that read text, of a dataset that has none. Entries of one
    `source` are no datasets of their own. Where `text_matters`, a row with shuffled text is held against the one with
    the true text.
    """
    output.mkdir(parents=True, exist_ok=True)
    ended = {folder.name: outcome.read(folder) for folder in predictions}
    ended |= {name: Outcome(NOT_APPLICABLE, NO_TEXT, str(data)) for name in without_text}
    trials: list[dict[str, Any]] = []
    for folder in [*tuning, *searches]:
        kind, name = ("model", folder.name) if folder in tuning else ("recipe", folder.parent.name)
        of = {"dataset": dataset, "kind": kind, "name": name}
        of["recipe"] = charges.get(name, "") if kind == "model" else ""
        users = [name] if kind == "model" else [model for model, recipe in charges.items() if recipe == name]
        try:
            trials += [of | row for row in _trials(folder)]
        except ValueError as error:  # a damaged file loses the rows that it is of
            ended |= dict.fromkeys(users, Outcome(FAILED, str(error), str(folder)))
        if (end := outcome.read(folder)).status != OK or end.reason:  # damaged since, or trials that are tried again
            ended |= {model: end for model in users if model in ended and ended[model].status == OK}
    made: dict[tuple[str, str], dict[Run, Sides]] = {}  # by model and cell
    runs: list[dict[str, Any]] = []
    classes: list[pd.DataFrame] = []
    warnings: list[pd.DataFrame] = []
    lost: list[dict[str, Any]] = []
    statistics: dict[str, pd.DataFrame] = {}
    if outcome.read(data).status == OK:
        found = cells(grid) if grid else {".": {}}
        card = next(file for cell in found if (file := data / cell / "card.json").exists())
        write_json(output / "card.json", read_json(card) | ({"source": source} if source else {}))
        if not grid:
            _describe(dataset, data, sealed, output)
        for folder in predictions:
            if ended[folder.name].status != OK:
                continue
            for cell, options in found.items():
                of = {"dataset": dataset, "model": folder.name}
                end, read, failed = _read(folder / cell, folder)
                lost += [of | {"variant": variant, **vars(how)} for variant, how in failed.items()]
                if end.status != OK and grid:
                    lost.append(of | {"variant": cell, **vars(end)})
                elif end.status != OK:
                    ended[folder.name] = end
                if end.status != OK:
                    continue
                made[folder.name, cell] = read
                of |= {name: value for name, value in options.items() if name != "split"}  # which every run tells
                for scored, report, warned in _scored(data / cell, sealed / cell, read):
                    runs.append(of | scored)
                    classes.append(report.assign(**of))
                    warnings.append(warned.assign(**of))
        statistics["controls"] = _controls(dataset, data, sealed, made, list(found), text_matters)
        if not grid:
            alone = {model: read for (model, _), read in made.items()}
            tuned = {folder.name for folder in tuning} & alone.keys()
            base = [run for run in runs if run["variant"] == BASE]
            validation = {
                name: float(np.mean([run["validation"] for run in base if run["model"] == name])) for name in tuned
            }
            statistics |= _statistics(dataset, data, sealed, alone, validation, references)
    else:
        ended = {name: outcome.read(data) for name in ended}
    outcomes = [{"dataset": dataset, "model": name, "variant": BASE, **vars(o)} for name, o in ended.items()] + lost
    dials = [name for name in grid if name != "split"]  # which is a column of every run
    frames = {
        "runs": pd.DataFrame(runs, columns=[*dials, *COLUMNS["runs"]]),
        "classes": pd.concat([pd.DataFrame(columns=[*dials, *COLUMNS["classes"]]), *classes]),
        "alerts": pd.concat([pd.DataFrame(columns=[*dials, *COLUMNS["alerts"]]), *warnings]),
        "trials": pd.DataFrame(trials, columns=COLUMNS["trials"]),
        "outcomes": pd.DataFrame(outcomes, columns=COLUMNS["outcomes"]),
        **statistics,
    }
    if runs and people.real(read_json(output / "card.json")):
        frames |= {
            name: people.suppressed(name, frames[name], frames["runs"]) for name in ("runs", "classes", "alerts")
        }
    if finetunings:
        frames["heads"] = _heads(dataset, finetunings)
    if pretrainings:
        frames |= _pretrainings(dataset, pretrainings)
        named = [(dataset, model, *pair) for model, variants in uses.items() for pair in variants.items()]
        frames["uses"] = pd.DataFrame(named, columns=COLUMNS["uses"])
    if references:
        others = [(dataset, model, *pair) for model, variants in references.items() for pair in variants.items()]
        frames["references"] = pd.DataFrame(others, columns=COLUMNS["references"])
    for name, frame in frames.items():
        parquet.write(frame, output / f"{name}.parquet")


def _describe(dataset: str, data: Path, sealed: Path, output: Path) -> None:
    """What the dataset is like, with the labels that its splits know together."""
    graph, names = load_graph(data), read_json(data / "card.json")["splits"]
    known = [load_split(data, name, len(graph)) for name in names]
    labels = known[0].labels.numpy().copy()
    for split in known:
        for side in (split.train, split.validation):
            labels[side] = split.labels[side]
        ids, hidden = load_test(sealed, split.name)
        labels[ids] = hidden
    sides = [(np.concatenate([k.train, k.validation]), k.test.numpy()) for k in known]
    row = description(graph, labels, *(ids for pair in sides for ids in pair))
    described = pd.DataFrame([{"dataset": dataset, **row}])
    if real := people.real(read_json(data / "card.json")):
        described = people.suppressed("description", described, described)
    parquet.write(described, output / "description.parquet")
    parquet.write(aggregates(dataset, graph, labels), output / "network.parquet")
    if not real:
        nodes, links = picture(graph, labels)
        parquet.write(nodes, output / "nodes.parquet")
        parquet.write(links, output / "links.parquet")


def _scored(
    data: Path, sealed: Path, runs: dict[Run, Sides]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]]:
    """Scores, per-class report and, of a binary task, alerts of each variant, split and seed of a model."""
    card, task = read_json(data / "card.json"), load_task(data)
    fewest = people.FEWEST if people.real(card) else 1
    known = {split: load_split(data, split, card["students"]) for split in card["splits"]}
    for (variant, split, seed), sides in runs.items():
        of: dict[str, Any] = {"variant": variant, "split": split, "seed": seed}
        labels, probabilities = load_test(sealed, split)[1], sides["test"]
        extent = {"students": len(labels), "prevalence": prevalence(labels, task.num_outputs)}
        truth, chances = known[split].labels[known[split].validation].numpy(), sides["validation"]
        validation = comparisons.score(task.kind, truth, chances)
        at, macro_f1_chosen = None, np.nan
        if task.kind != "multiclass":
            at = best_thresholds(truth, chances)
            macro_f1_chosen = macro_f1_at(at, labels, probabilities)
        report = per_class(labels, probabilities, list(task.classes), at).assign(**of)
        binary = task.kind == "binary"
        warned = alerts(labels, probabilities, load_lead(sealed, split), fewest) if binary else pd.DataFrame()
        scored = scores(labels, probabilities) | {"macro_f1_chosen": macro_f1_chosen, "validation": validation}
        yield of | extent | scored, report, warned.assign(**of)


def _controls(
    dataset: str,
    data: Path,
    sealed: Path,
    made: dict[tuple[str, str], dict[Run, Sides]],
    found: list[str],
    text_matters: bool,
) -> pd.DataFrame:
    """What the controls show, over all cells `found` of a family, or the one "." of a dataset."""
    labels: dict[str, np.ndarray] = {}
    students: dict[str, np.ndarray] = {}  # cells with the same labels have the same students
    drawn: dict[bytes, int] = {}
    rows: dict[comparisons.Row, dict[comparisons.Cell, np.ndarray]] = {}
    for (model, cell), runs in made.items():
        for (variant, split, seed), sides in runs.items():
            who, truth = load_test(sealed / cell, split)
            network = drawn.setdefault(truth.tobytes(), len(drawn)) if len(found) > 1 else 0
            labels[f"{cell}/{split}"], students[f"{cell}/{split}"] = truth, who + network * ANYBODY
            rows.setdefault((model, variant), {})[f"{cell}/{split}", seed] = sides["test"]
    kind = next(load_task(data / cell).kind for cell in found if (data / cell / "card.json").exists())
    shown = controls.shown(kind, labels, students, rows, text_matters)
    return pd.DataFrame(shown, columns=COLUMNS["controls"]).assign(dataset=dataset)


def _statistics(
    dataset: str,
    data: Path,
    sealed: Path,
    made: dict[str, dict[Run, Sides]],
    validation: dict[str, float],
    references: dict[str, dict[str, str]],
) -> dict[str, pd.DataFrame]:
    """Comparisons of the rows, calibration and fairness of the unchanged models.

    `validation` is the validation score of each tuned model, of those that compete; `references` as `run` has them.
    """
    card, task = read_json(data / "card.json"), load_task(data)
    known = {split: load_split(data, split, card["students"]) for split in card["splits"]}
    labels = {split: load_test(sealed, split)[1] for split in known}
    answers: dict[comparisons.Row, dict[comparisons.Cell, np.ndarray]] = {}
    students = {split: load_test(sealed, split)[0] for split in known}
    bins, gaps = [pd.DataFrame(columns=COLUMNS["calibration"])], [pd.DataFrame(columns=COLUMNS["fairness"])]
    for model, runs in made.items():
        for (variant, split, seed), sides in runs.items():
            answers.setdefault((model, variant), {})[split, seed] = sides["test"]
        for (split, seed), probabilities in answers.get((model, BASE), {}).items():
            of: dict[str, Any] = {"model": model, "variant": BASE, "split": split, "seed": seed}
            error = calibration_error(reliability(labels[split], probabilities))  # as is, bins not joined
            square = brier(labels[split], probabilities)
            diagram = reliability(labels[split], probabilities, people.FEWEST if people.real(card) else 1)
            bins.append(diagram.assign(dataset=dataset, **of, ece=error, brier=square))
        for attribute, words in load_protected(data).items():
            if base := answers.get((model, BASE)):
                found = fairness.gaps(task.kind, students, labels, base, words)
                gaps.append(found.assign(dataset=dataset, model=model, attribute=attribute))
    trained = {split: len(side.train) for split, side in known.items()}
    hidden = comparisons.Sealed(task.kind, card["replication"], students, labels, trained)
    return {
        "pairs": comparisons.pairs(dataset, hidden, answers, validation, references),
        "calibration": pd.concat(bins, ignore_index=True)[COLUMNS["calibration"]],
        "fairness": pd.concat(gaps, ignore_index=True)[COLUMNS["fairness"]],
    }


def _trials(folder: Path) -> list[dict[str, Any]]:
    """Trials of a model (`tuning/<dataset>/<model>`) or of a recipe (`states/<dataset>/<recipe>/selection`)."""
    return read_json(folder / "trials.json") if outcome.read(folder).status == OK else []


def _read(folder: Path, origin: Path) -> tuple[Outcome, dict[Run, Sides], dict[str, Outcome]]:
    """How predictions ended, runs, and failed variants; what is damaged, or began here, is a failure of `origin`."""
    if (end := outcome.read(folder)).status != OK:
        return end, {}, {}
    try:
        runs, failed = load(folder)
        return end, runs, {variant: replace(e, origin=e.origin or str(origin)) for variant, e in failed.items()}
    except ValueError as error:
        return Outcome(FAILED, str(error), str(origin)), {}, {}


def _heads(dataset: str, folders: list[Path]) -> pd.DataFrame:
    """How far heads can be trusted; `folders` are `states/<dataset>/<recipe>/reporting`, failed ones among them."""
    rows = [
        {"dataset": dataset, "recipe": folder.parent.name, "split": file.parent.name} | row
        for folder in folders
        if outcome.read(folder).status == OK
        for file in sorted(folder.glob("*/heads.json"))
        for row in read_json(file)
    ]
    return pd.DataFrame(rows, columns=COLUMNS["heads"])


def _pretrainings(dataset: str, folders: list[Path]) -> dict[str, pd.DataFrame]:
    """What pretrainings achieved, and their curves; `folders` are `states/<dataset>/<recipe>/reporting`.

    One that failed leaves no rows: `outcomes` tells of the rows that it cost.
    """
    ends, epochs = [], []
    for folder in folders:
        if outcome.read(folder).status != OK:
            continue
        for file in sorted(folder.glob("*/pretraining.json")):
            history, of = read_json(file), {"dataset": dataset, "recipe": folder.parent.name, "split": file.parent.name}
            ends.append(of | history)
            epochs += [of | {"arm": history["arm"], "phase": _phase(row)} | row for row in history["curve"]]
    pretraining = pd.DataFrame(ends, columns=COLUMNS["pretraining"])
    curves = pd.DataFrame(epochs, columns=COLUMNS["curves"])
    return {  # what is unknown is null there, and a number that is none here
        "pretraining": pretraining.astype({"before": float, "after": float}),
        "curves": curves.astype({"loss": float, "held_out": float}),
    }


def _phase(row: dict[str, Any]) -> str:
    """What learned in an epoch of a pretraining: nothing yet, a new head, or the Transformer."""
    if row["epoch"]:
        return "body"
    return "head alone" if row["steps"] else "before"
