"""Verb `score`: predictions and sealed labels to a dataset's tidy records. The only verb that reads sealed labels.

A records folder holds `card.json` (what the dataset is) and the tables of `benchmarks.analysis.records.Records` as
Parquet. Of a real dataset no row, bin or cell rests on fewer than five students (`benchmarks.analysis.people`): bins
are joined, cells are NaN. Files are read and written here; what is in them comes from `benchmarks.analysis.scoring`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.analysis import people, scoring
from benchmarks.analysis.columns import COLUMNS
from benchmarks.data import parquet
from benchmarks.data.grid import cells
from benchmarks.data.predictions import Run, load
from benchmarks.data.storage import load_graph, load_protected, load_side, load_test, read_json, write_json
from benchmarks.data.targets import Sealed
from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import FAILED, NO_TEXT, NOT_APPLICABLE, OK, Outcome
from benchmarks.training.variants import BASE


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
    trials = _trials(dataset, tuning, searches, charges, ended)
    options = {cell: {k: v for k, v in of.items() if k != "split"} for cell, of in cells(grid).items()}
    known: dict[str, Sealed] = {}
    runs: list[Run] = []
    lost: list[dict[str, Any]] = []
    if (end := outcome.read(data)).status == OK:
        made = [cell for cell in options if (data / cell / "card.json").exists()]
        card = read_json(data / made[0] / "card.json")
        write_json(output / "card.json", card | ({"source": source} if source else {}))
        known = {cell: _sealed(data / cell, sealed / cell) for cell in made}
        for folder in [folder for folder in predictions if ended[folder.name].status == OK]:
            for cell in options:
                end, read, failed = _read(folder, cell)
                runs += read
                if end.status != OK and grid:
                    failed[cell] = end
                elif end.status != OK:
                    ended[folder.name] = end
                lost += [{"model": folder.name, "variant": variant, **vars(how)} for variant, how in failed.items()]
    else:
        ended = dict.fromkeys(ended, end)
    outcomes = [{"model": name, "variant": BASE, **vars(how)} for name, how in ended.items()] + lost
    tables = scoring.scored(dataset, options, known, runs)
    tables["trials"] = trials
    tables["outcomes"] = pd.DataFrame(outcomes, columns=COLUMNS["outcomes"]).assign(dataset=dataset)
    if known:
        tables["controls"] = scoring.controlled(dataset, known, runs, text_matters)
    if known and not grid:
        tuned = {folder.name for folder in tuning}
        tables |= scoring.described(dataset, load_graph(data), known[""])
        tables |= scoring.compared(dataset, known[""], runs, load_protected(data), tuned, references)
    if finetunings:
        tables["heads"] = _heads(dataset, finetunings)
    if pretrainings:
        tables |= _pretrainings(dataset, pretrainings) | {"uses": _named("uses", dataset, uses)}
    if references:
        tables["references"] = _named("references", dataset, references)
    for name, table in tables.items():
        parquet.write(table, output / f"{name}.parquet")


def _sealed(data: Path, sealed: Path) -> Sealed:
    """What is true of a dataset or cell, on all splits."""
    card = read_json(data / "card.json")
    train, validation = ({s: load_side(data, s, side) for s in card["splits"]} for side in ("train", "validation"))
    test = {split: load_test(sealed, split) for split in card["splits"]}
    of = card["kind"], tuple(card["classes"]), card["replication"]
    return Sealed(*of, train, validation, test, people.FEWEST if people.real(card) else 1)


def _read(folder: Path, cell: str) -> tuple[Outcome, list[Run], dict[str, Outcome]]:
    """How a model's predictions ended, runs, and failed variants; what is damaged, or began here, fails by `folder`."""
    if (end := outcome.read(folder / cell)).status != OK:
        return end, [], {}
    try:
        runs, failed = load(folder, cell)
        return end, runs, {variant: replace(e, origin=e.origin or str(folder)) for variant, e in failed.items()}
    except ValueError as error:
        return Outcome(FAILED, str(error), str(folder)), [], {}


def _trials(
    dataset: str, tuning: list[Path], searches: list[Path], charges: dict[str, str], ended: dict[str, Outcome]
) -> pd.DataFrame:
    """Trials of models (`tuning/<dataset>/<model>`) and of recipes (`states/<dataset>/<recipe>/selection`).

    Rows whose search is damaged, or lost trials that are tried again, are told of in `ended`.
    """
    trials: list[dict[str, Any]] = []
    for folder in [*tuning, *searches]:
        kind, name = ("model", folder.name) if folder in tuning else ("recipe", folder.parent.name)
        of = {"dataset": dataset, "kind": kind, "name": name}
        of["recipe"] = charges.get(name, "") if kind == "model" else ""
        users = [name] if kind == "model" else [model for model, recipe in charges.items() if recipe == name]
        end = outcome.read(folder)
        try:
            trials += [of | row for row in read_json(folder / "trials.json")] if end.status == OK else []
        except ValueError as error:
            ended |= dict.fromkeys(users, Outcome(FAILED, str(error), str(folder)))
        if end.status != OK or end.reason:
            ended |= {model: end for model in users if model in ended and ended[model].status == OK}
    return pd.DataFrame(trials, columns=COLUMNS["trials"])


def _reported(dataset: str, folders: list[Path], file: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """What each split of recipes reports in a JSON file, and of which recipe and split it is.

    `folders` are `states/<dataset>/<recipe>/reporting`. One that failed tells nothing: `outcomes` has what it cost.
    """
    for folder in [folder for folder in folders if outcome.read(folder).status == OK]:
        for found in sorted(folder.glob(f"*/{file}")):
            of = {"dataset": dataset, "recipe": folder.parent.name, "split": found.parent.name}
            yield of, read_json(found)


def _heads(dataset: str, folders: list[Path]) -> pd.DataFrame:
    """How far heads can be trusted."""
    rows = [of | row for of, rows in _reported(dataset, folders, "heads.json") for row in rows]
    return pd.DataFrame(rows, columns=COLUMNS["heads"])


def _pretrainings(dataset: str, folders: list[Path]) -> dict[str, pd.DataFrame]:
    """What pretrainings achieved, and their curves; a null in the files is a number that is none."""
    ends, epochs = [], []
    for of, history in _reported(dataset, folders, "pretraining.json"):
        ends.append(of | history)
        epochs += [of | {"arm": history["arm"], "phase": _phase(row)} | row for row in history["curve"]]
    numbers = {"pretraining": (ends, ("before", "after")), "curves": (epochs, ("loss", "held_out"))}
    return {
        name: pd.DataFrame(rows, columns=COLUMNS[name]).astype(dict.fromkeys(columns, float))
        for name, (rows, columns) in numbers.items()
    }


def _phase(row: dict[str, Any]) -> str:
    """What learned in an epoch of a pretraining: nothing yet, a new head, or the Transformer."""
    if row["epoch"]:
        return "body"
    return "head alone" if row["steps"] else "before"


def _named(table: str, dataset: str, names: dict[str, dict[str, str]]) -> pd.DataFrame:
    """A row a model's variant: what it names."""
    rows = [(dataset, model, *pair) for model, variants in names.items() for pair in variants.items()]
    return pd.DataFrame(rows, columns=COLUMNS[table])
