"""What a recipe and a model cost on one split, each measured in a process of its own.

That process's memory counts, so it imports what it needs and no more.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.data.storage import read_json
from benchmarks.jobs import outcome, seal
from benchmarks.jobs.outcome import OK
from benchmarks.speed import clock
from benchmarks.training.recipes import Recipe

INFERRED = 1000
"""Students to whom `inference` is scaled."""
REPEATS = 3


def of_recipe(
    data: Path,
    encoded: Path,
    recipe: Recipe,
    search: Path | None,
    split: str,
    seed: int,
    device: str,
    output: Path,
) -> dict[str, float]:
    """Read all texts and fine-tune, once; then read texts as if they were new."""
    from benchmarks.data.storage import load_graph
    from benchmarks.training.finetuning import Finetuning
    from benchmarks.training.reading import opened
    from benchmarks.training.views import torch_device
    from sgn.encoder import distinct, read_states, tokenize

    seal.close()
    where = torch_device(device)
    params = read_json(search / "best.json")[split]["params"] if search else {}
    with tempfile.TemporaryDirectory() as cache:
        learned = 0

        def train() -> None:
            nonlocal learned
            tuning = Finetuning(data, split, opened(recipe, encoded, Path(cache), where))
            tuning.save({seed: tuning.states(params, seed, lambda line: None)}, output / split)
            learned = sum(p.numel() for p in tuning.encoder.reader.parameters()) if recipe.finetuned else 0

        (seconds,) = clock.whole(train)(clock.clock_of(device))
        peak = clock.peak_gigabytes(device)
        frozen = opened(recipe.reading, encoded, Path(cache), where)
    outcome.Outcome(OK).write(output)
    texts, tokenizer = distinct(load_graph(data).texts)[0][:INFERRED], frozen.pretrained().tokenizer

    def read() -> None:
        read_states(frozen.reader, tokenize(tokenizer, texts, recipe.tokens), where)

    rows = clock.measure([clock.Case("", clock.whole(read))], clock.clock_of(device), 1)
    return {
        "recipe_training": seconds,
        "recipe_inference": float(pd.DataFrame(rows)["seconds"].median()) * INFERRED / len(texts),
        "recipe_peak_gigabytes": peak,
        "recipe_learned": float(learned),
        "recipe_parameters": float(sum(p.numel() for p in frozen.pretrained().model.parameters())),
    }


def of_model(
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
    with registered() as parameters:
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
def registered() -> Iterator[list[int]]:
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
