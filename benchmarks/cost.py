"""Verb `cost`: what a dataset's rows cost on one split: tuning, training, inference, memory, parameters.

Trainings are done anew with the frozen hyper-parameters, nothing taken from the cache, each model in a process of its
own. The seconds of a tuning are those of the step that did it: trials that an earlier one left in the cache cost it
nothing, so a fair table needs a run that began with an empty cache.
"""

import tempfile
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.data import parquet
from benchmarks.data.storage import read_json, write_json
from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import OK
from benchmarks.jobs.progress import Progress
from benchmarks.speed import clock, costs
from benchmarks.speed.clock import in_child
from benchmarks.speed.timings import COSTS
from benchmarks.training.recipes import Recipe


def run(
    data: Path,
    entries: dict[str, dict[str, Any]],
    tuning: list[Path],
    searches: list[Path],
    split: str,
    seed: int,
    epochs: int,
    patience: int,
    device: str,
    output: Path,
) -> None:
    """Write `costs.parquet` and `machine.json`. A model that was not tuned, or fails here, has a reason and no numbers.

    `entries` are those of the config under "models" and "recipes", and under "encoded" the folder of each recipe's
    tokens; `tuning` folders are named like models, `searches` lie in those of their recipes.
    """
    models, recipes = entries["models"], {name: Recipe.of(entry) for name, entry in entries["recipes"].items()}
    progress, rows = Progress(len(models), "model"), list[dict[str, Any]]()
    tuned = {folder.name: folder for folder in tuning}
    tokens = {recipe: Path(folder) for recipe, folder in entries["encoded"].items()}
    searched = {folder.parent.name: folder for folder in searches}
    with clock.lock(device), tempfile.TemporaryDirectory() as scratch:
        machine = in_child(clock.machine, device)
        read: dict[str, dict[str, Any]] = {}
        for name, entry in models.items():
            recipe = entry.get("recipe")
            row: dict[str, Any] = {"dataset": data.name, "model": name, "recipe": recipe or ""}
            try:
                if outcome.read(tuned[name]).status != OK:
                    raise RuntimeError(f"its tuning: {outcome.read(tuned[name]).reason}")
                states = Path(scratch) / recipe if recipe else None
                if recipe and recipe not in read:
                    assert states is not None
                    states.mkdir(exist_ok=True)
                    search = searched.get(recipes[recipe].tuned_as or recipe)
                    args = (data, tokens[recipe], recipes[recipe], search, split, seed, device, states)
                    read[recipe] = {"recipe_tuning": _tuning(search) if search else 0.0} | in_child(
                        costs.of_recipe, *args
                    )
                row |= read[recipe] if recipe else {}
                row["tuning"] = _tuning(tuned[name])
                args_ = (data, entry, tuned[name], states, split, seed, epochs, patience, device)
                row |= in_child(costs.of_model, *args_)
            except Exception as error:
                row["reason"] = f"{type(error).__name__}: {error}"
            rows.append(row)
            progress.step(name)
    parquet.write(pd.DataFrame(rows).reindex(columns=list(COSTS)), output / "costs.parquet")
    write_json(output / "machine.json", machine)


def _tuning(folder: Path) -> float:
    """Seconds that a search took on one of its splits."""
    return read_json(folder / "provenance.json").get("seconds", nan) / len(read_json(folder / "best.json"))
