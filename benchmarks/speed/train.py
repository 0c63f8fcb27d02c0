"""Epochs of training: each model, and what it costs to train through the Transformer in one way or another.

The ways of a group see the same students and labels in steps of the same number; an epoch includes its validation.
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from benchmarks.jobs.modules import load
from benchmarks.speed.clock import Case, Group, Laps, epochs
from benchmarks.speed.names import JOINT, THROUGH, TRANSFORMER
from benchmarks.speed.students import random_graph, random_view, uncached, writing
from benchmarks.training import weights as pretrained
from benchmarks.training.runs import fit_of
from sgn import model
from sgn.encoder import Reader, distinct, tokenize
from sgn.finetune import Config, finetune

LAPS = 3
"""Epochs that a measurement takes, after one that it leaves out."""
ROUNDS = 4
"""Of epochs that take a minute."""
TEXTS = 1000
"""Training texts at most, as in the default tier."""
STATES = 384
EXACT = "end to end, exact"
CACHED, UNCACHED = "activations cached", "all layers read"
COMPILED = "compiled"
MODELS, TOP, COMPILATION = "models", "top layers", "compilation"


def groups(
    weights: str,
    models: list[str],
    students: int,
    edges: int,
    writers: list[int],
    tokens: int,
    layers: int,
    batch: int,
    compiled: bool,
) -> list[Group]:
    """`models` (import paths) on random `students`; the rest on so many `writers`, whose texts have up to `tokens`.

    The fewest writers are enough for all but the price of joint training, which grows with the graph. `compiled` asks
    whether torch.compile pays; it needs a C++ compiler, and Triton on a GPU.
    """
    through = {"weights": weights, "tokens": tokens, "layers": layers, "batch": batch}
    few, *more = sorted(writers)
    found = [
        Group(MODELS, {"models": models, "students": students, "edges": edges}, students),
        Group(THROUGH, through | {"students": few, "ways": [TRANSFORMER, JOINT, EXACT]}, few),
        *(Group(THROUGH, through | {"students": n, "ways": [TRANSFORMER, JOINT]}, n, ROUNDS) for n in more),
        Group(TOP, through | {"students": few, "ways": [CACHED, UNCACHED]}, few),
    ]
    if compiled:
        found.append(Group(COMPILATION, through | {"students": few, "ways": [TRANSFORMER, COMPILED]}, few))
    return found


def cases(device: str, **options: Any) -> list[Case]:
    """Of a group of either kind."""
    return _models(device, **options) if "models" in options else _through(device, **options)


def _models(device: str, models: list[str], students: int, edges: int) -> list[Case]:
    view = random_view(random_graph(students, edges, 16, STATES)).to(device)

    def training(name: str) -> Callable[[Laps], object]:
        module = load(name)
        return lambda report: fit_of(module)(module.Config(), view, 0, report)

    return [Case(name.rpartition(".")[2], epochs(training(name), 5 * LAPS), unit="epoch") for name in models]


def _through(
    device: str, weights: str, students: int, tokens: int, layers: int, batch: int, ways: list[str]
) -> list[Case]:
    view, where = writing(students, weights, layers, tokens, device), torch.device(device)
    assert view.encoder is not None
    assert view.graph.text_index is not None
    index, config = view.graph.text_index.cpu(), model.Config(fusion="joint", texts=TEXTS, batch=batch)
    reader, below = view.encoder()
    labels = view.to("cpu")

    def transformer(report: Laps, uses: tuple[Any, Any] = (reader, below)) -> object:
        settings = Config(texts=TEXTS, batch=batch)
        return finetune(settings, *uses, index, labels, 0, report, where)

    def joint(report: Laps, exact: bool = False) -> object:
        return model.fit(replace(config, exact=exact), view, 0, report)

    def all_layers() -> Callable[[Laps], object]:
        loaded = pretrained.load(weights, None)
        read = tokenize(loaded.tokenizer, distinct(view.graph.texts)[0], tokens)
        whole = uncached(loaded, layers, read, where)
        return lambda report: transformer(report, whole)

    def by_compiler() -> Callable[[Laps], object]:
        class Compiled(Reader):
            hidden = torch.compile(Reader.hidden, dynamic=True)

        own = Compiled(reader.top, reader.pooling, reader.bf16)
        return lambda report: transformer(report, (own, below))

    made: dict[str, Callable[[], Callable[[Laps], object]]] = {
        TRANSFORMER: lambda: transformer,
        JOINT: lambda: joint,
        EXACT: lambda: functools.partial(joint, exact=True),
        CACHED: lambda: transformer,
        UNCACHED: all_layers,
        COMPILED: by_compiler,
    }
    return [Case(way, epochs(made[way](), LAPS if way != EXACT else 1), unit="epoch") for way in ways]
