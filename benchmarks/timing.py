"""Verb `timing`: how long a suite's ways take, a row a measurement, and on what machine. Apart from results.

A lock keeps two timed jobs of one machine from running at once on a device. Each group runs in a process of its own.
"""

from concurrent.futures.process import BrokenProcessPool
from math import nan
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.data import parquet
from benchmarks.data.storage import write_json
from benchmarks.jobs.modules import load
from benchmarks.jobs.progress import Progress
from benchmarks.speed import clock
from benchmarks.speed.clock import Group, in_child
from benchmarks.speed.timings import ROWS


def run(suite: str, sizes: dict[str, Any], rounds: int, device: str, output: Path) -> None:
    """Write `timings.parquet` and `machine.json`; `sizes` are the parameters of the suite's `groups`.

    A group that ends the memory has one row, with an error instead of seconds.
    """
    groups = load(f"benchmarks.speed.{suite}").groups(**sizes)
    progress, rows = Progress(len(groups), "group"), list[dict[str, Any]]()
    with clock.lock(device):
        machine = in_child(clock.machine, device)
        for group in groups:
            of = {"suite": suite, "group": group.name, "size": group.size}
            rows += [of | row for row in _measured(suite, group, rounds, device)]
            progress.step(f"{group.name} {group.size:g}")
    parquet.write(pd.DataFrame(rows).reindex(columns=list(ROWS)), output / "timings.parquet")
    write_json(output / "machine.json", machine | {"rounds": rounds, "sizes": sizes})


def measured(suite: str, group: Group, rounds: int, device: str) -> list[dict[str, Any]]:
    """Rows of a group, in this very process."""
    module = load(f"benchmarks.speed.{suite}")
    base = clock.peak_gigabytes(device)
    cases = module.cases(device, **group.options)
    rows = clock.measure(cases, clock.clock_of(device), group.rounds or rounds, warm_up=group.rounds is None)
    peak = clock.peak_gigabytes(device) if len(cases) == 1 else nan  # of several ways nobody knows whose it is
    return [row | {"base_gigabytes": base, "peak_gigabytes": peak, "error": ""} for row in rows]


def _measured(suite: str, group: Group, rounds: int, device: str) -> list[dict[str, Any]]:
    try:
        return in_child(measured, suite, group, rounds, device)
    except (BrokenProcessPool, MemoryError, RuntimeError) as error:
        ended = isinstance(error, MemoryError | BrokenProcessPool) or "memory" in str(error)
        if not ended:
            raise
        return [{"way": "", "error": f"memory ended: {type(error).__name__}"}]
