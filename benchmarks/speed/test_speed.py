"""The suites at small sizes under pytest-benchmark, for comparing two states of the code on one machine.

A measurement is a call of a case's work; a training's holds its set-up and an epoch more than it reports.
"""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from benchmarks.jobs.modules import load
from benchmarks.speed import clock
from benchmarks.speed.clock import Case

WEIGHTS = {"weights": "sentence-transformers/all-MiniLM-L6-v2"}
MODELS = ["baselines.mlp", "baselines.gcn", "baselines.graphsage", "baselines.pyg", "baselines.linkx", "sgn.model"]
SIZES: dict[str, dict[str, Any]] = {
    "encode": WEIGHTS | {"texts": 32, "tokens": 64, "lengths": [64], "batches": [8]},
    "propagate": {"students": 10_000, "edges": 500_000, "width": 64},
    "train": WEIGHTS
    | {"models": MODELS, "students": 500, "edges": 3000, "writers": [48], "tokens": 16, "layers": 1, "batch": 16}
    | {"compiled": False},
    "grow": WEIGHTS | {"states": 384, "students": [1000, 4000], "edges": [40_000], "lengths": [16, 64]},
}
ROUNDS = 5
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def cases() -> Iterator[Any]:
    """A parameter a case, named by suite, group, size and way."""
    for suite, sizes in SIZES.items():
        module = load(f"benchmarks.speed.{suite}")
        for group in module.groups(**sizes):
            name = f"{suite}: {group.name}" + ("" if math.isnan(group.size) else f" {group.size:g}")
            for case in module.cases(DEVICE, **group.options):
                yield pytest.param(name, case, id=f"{name}: {case.way}".replace(" ", "-"))


@pytest.mark.parametrize(("group", "case"), list(cases()))
def test_speed(group: str, case: Case, benchmark: Any) -> None:
    """One case; ways of a group stand together."""
    benchmark.group = group
    timer = clock.clock_of(DEVICE)
    benchmark.pedantic(case.work, args=(timer,), rounds=ROUNDS, warmup_rounds=1)
