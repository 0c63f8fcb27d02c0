"""Epochs of training: each model, and what it costs to train through the Transformer in one way or another.

The ways of a group see the same students and labels in steps of the same number; an epoch includes its validation.
"""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.jobs.modules import load
from benchmarks.speed import straightforward
from benchmarks.speed.clock import Case, Group, Laps, epochs
from benchmarks.speed.names import JOINT, THROUGH, TRANSFORMER
from benchmarks.speed.students import random_graph, random_view, uncached, writing
from benchmarks.training import weights as pretrained
from benchmarks.training.runs import fit_of
from sgn.encoder import Reader, distinct, tokenize
from sgn.finetune import Config, finetune
from sgn.model import BertGCN
from sgn.model import Config as BertGCNConfig

LAPS = 3
"""Epochs that a measurement takes, after one that it leaves out."""
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
    writers: int,
    tokens: int,
    layers: int,
    batch: int,
    compiled: bool,
) -> list[Group]:
    """`models` (import paths) on random `students`; the rest on `writers`, whose texts have up to `tokens`.

    `compiled` asks whether torch.compile pays; it needs a C++ compiler, and Triton on a GPU.
    """
    through = {"weights": weights, "students": writers, "tokens": tokens, "layers": layers, "batch": batch}
    found = [
        Group(MODELS, {"models": models, "students": students, "edges": edges}, students),
        Group(THROUGH, through | {"ways": [TRANSFORMER, JOINT, EXACT]}, writers),
        Group(TOP, through | {"ways": [CACHED, UNCACHED]}, writers),
    ]
    if compiled:
        found.append(Group(COMPILATION, through | {"ways": [TRANSFORMER, COMPILED]}, writers))
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
    index, config = view.graph.text_index.cpu(), BertGCNConfig(fusion="joint", texts=students, batch=batch)
    reader, below = view.encoder()
    labels = view.to("cpu")

    def transformer(report: Laps, uses: tuple[Any, Any] = (reader, below)) -> object:
        settings = Config(texts=students, batch=batch)
        return finetune(settings, *uses, index, labels, 0, report, where)

    def joint(report: Laps) -> object:
        return fit_of(load("sgn.model"))(config, view, 0, report)

    def exact(report: Laps) -> None:
        torch.manual_seed(0)
        module = straightforward.EndToEnd(copy.deepcopy(reader), BertGCN(config, view).to(where), below, 32)
        steps = math.ceil(len(view.train) / batch)
        straightforward.fit(module, view, steps, config.lr, config.encoder_lr, report)

    def all_layers() -> Callable[[Laps], object]:
        model = pretrained.load(weights, None)
        read = tokenize(model.tokenizer, distinct(view.graph.texts)[0], tokens)
        whole = uncached(model, layers, read, where)
        return lambda report: transformer(report, whole)

    def by_compiler() -> Callable[[Laps], object]:
        class Compiled(Reader):
            hidden = torch.compile(Reader.hidden, dynamic=True)

        own = Compiled(reader.top, reader.pooling, reader.bf16)
        return lambda report: transformer(report, (own, below))

    made: dict[str, Callable[[], Callable[[Laps], object]]] = {
        TRANSFORMER: lambda: transformer,
        JOINT: lambda: joint,
        EXACT: lambda: exact,
        CACHED: lambda: transformer,
        UNCACHED: all_layers,
        COMPILED: by_compiler,
    }
    return [Case(way, epochs(made[way](), LAPS if way != EXACT else 1), unit="epoch") for way in ways]
