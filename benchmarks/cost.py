"""Verb `cost`: what a dataset's rows cost on one split: tuning, training, inference, memory, parameters.

Trainings are done anew with the frozen hyper-parameters, nothing taken from the cache, each model in a process of its
own. The seconds of a tuning are those of the step that did it: trials that an earlier one left in the cache cost it
nothing, so a fair table needs a run that began with an empty cache.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.data import parquet
from benchmarks.data.storage import read_json, write_json
from benchmarks.jobs import outcome, seal
from benchmarks.jobs.outcome import OK
from benchmarks.jobs.progress import Progress
from benchmarks.speed import clock
from benchmarks.speed.clock import in_child
from benchmarks.speed.timings import COSTS
from benchmarks.timing import lock

INFERRED = 1000
"""Students to whom `inference` is scaled."""
REPEATS = 3


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
    models, recipes = entries["models"], entries["recipes"]
    progress, rows = Progress(len(models), "model"), list[dict[str, Any]]()
    tuned = {folder.name: folder for folder in tuning}
    tokens = {recipe: Path(folder) for recipe, folder in entries["encoded"].items()}
    searched = {folder.parent.name: folder for folder in searches}
    with lock(device), tempfile.TemporaryDirectory() as scratch:
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
                    search = searched.get(recipes[recipe].get("tuned_as", recipe))
                    args = (data, tokens[recipe], recipes[recipe], search, split, seed, device, states)
                    read[recipe] = {"recipe_tuning": _tuning(search) if search else 0.0} | in_child(_recipe, *args)
                row |= read[recipe] if recipe else {}
                args_ = (data, entry, tuned[name], states, split, seed, epochs, patience, device)
                row |= {"tuning": _tuning(tuned[name])}
                row |= in_child(_model, *args_)
            except Exception as error:
                row["reason"] = f"{type(error).__name__}: {error}"
            rows.append(row)
            progress.step(name)
    parquet.write(pd.DataFrame(rows).reindex(columns=list(COSTS)), output / "costs.parquet")
    write_json(output / "machine.json", machine)


def _tuning(folder: Path) -> float:
    """Seconds that a search took on one of its splits."""
    return read_json(folder / "provenance.json").get("seconds", nan) / len(read_json(folder / "best.json"))


def _recipe(
    data: Path,
    encoded: Path,
    recipe: dict[str, Any],
    search: Path | None,
    split: str,
    seed: int,
    device: str,
    output: Path,
) -> dict[str, float]:
    """Read all texts and fine-tune, once; then read texts as if they were new."""
    import torch

    from benchmarks.data.storage import load_graph
    from benchmarks.training import weights
    from benchmarks.training.finetuning import Finetuning
    from benchmarks.training.reading import bf16
    from benchmarks.training.recipes import finetuned
    from sgn.encoder import Reader, cut, distinct, read_states, tokenize

    seal.close()
    params = read_json(search / "best.json")[split]["params"] if search else {}
    with tempfile.TemporaryDirectory() as cache:
        learned = 0

        def train() -> None:
            nonlocal learned
            tuning = Finetuning(data, encoded, recipe, split, Path(cache), device)
            tuning.save({seed: tuning.states(params, seed, lambda line: None)}, output / split)
            learned = sum(p.numel() for p in tuning.reader.parameters()) if finetuned(recipe) else 0

        (seconds,) = clock.whole(train)(clock.clock_of(device))
        peak = clock.peak_gigabytes(device)
    outcome.Outcome(OK).write(output)
    pretrained = weights.load(recipe["weights"], None)
    where, texts = torch.device(device), distinct(load_graph(data).texts)[0][:INFERRED]
    whole = Reader(cut(pretrained.model, 0)[1], recipe.get("pooling"), bf16(recipe, where)).to(where)

    def read() -> None:
        tokens = tokenize(pretrained.tokenizer, texts, recipe["tokens"])
        read_states(whole, tokens, where)

    rows = clock.measure([clock.Case("", clock.whole(read))], clock.clock_of(device), 1)
    return {
        "recipe_training": seconds,
        "recipe_inference": float(pd.DataFrame(rows)["seconds"].median()) * INFERRED / len(texts),
        "recipe_peak_gigabytes": peak,
        "recipe_learned": float(learned),
        "recipe_parameters": float(sum(p.numel() for p in pretrained.model.parameters())),
    }


def _model(
    data: Path,
    entry: dict[str, Any],
    tuning: Path,
    states: Path | None,
    split: str,
    seed: int,
    epochs: int,
    patience: int,
    device: str,
) -> dict[str, float]:
    """Train with the hyper-parameters that the search found, a few times, and predict everybody."""
    from benchmarks.jobs.modules import load
    from benchmarks.training.runs import fit_of, stopping
    from benchmarks.training.views import Material, torch_device

    seal.close()
    where, module = torch_device(device), load(entry["module"])
    params = read_json(tuning / "best.json")[split]["params"]
    config = module.Config(**entry.get("set", {}) | params)
    views = Material(data, states, [split]).views(split, seed).to(where)
    predictor = None

    def train() -> None:
        nonlocal predictor
        report = stopping(config, epochs, patience, lambda line: None)
        predictor = fit_of(module)(config, views.training, seed, report)

    timer = clock.clock_of(device)
    with _registered() as parameters:
        train()  # to warm up
    count = float(sum(parameters)) or nan
    trained = clock.measure([clock.Case("", clock.whole(train))], timer, REPEATS)
    assert predictor is not None
    predict = clock.Case("", clock.whole(lambda: predictor(views.prediction)))
    predicted = clock.measure([predict], timer, REPEATS)
    return {
        "training": float(pd.DataFrame(trained)["seconds"].median()),
        "inference": float(pd.DataFrame(predicted)["seconds"].median()) * INFERRED / len(views.prediction),
        "peak_gigabytes": clock.peak_gigabytes(device),
        "parameters": count,
    }


@contextmanager
def _registered() -> Iterator[list[int]]:
    """Sizes of the parameters of torch modules that are built meanwhile."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    sizes: list[int] = []
    hook = register_module_parameter_registration_hook(
        lambda module, name, parameter: sizes.append(parameter.numel()) if parameter is not None else None
    )
    try:
        yield sizes
    finally:
        hook.remove()
