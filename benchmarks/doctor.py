"""Verb `doctor`: what this machine is, and what the suite will do on it. A line a fact."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.planning import machine
from benchmarks.planning.machine import Fact


def run(config: Path = Path("config/default.yaml"), full: bool = False) -> int:
    """Say what this machine is and what a tier's `config` will meet here; exit status 1 if something stops it.

    `full` hashes all raw files, also large ones.
    """
    if not config.is_file():
        raise SystemExit(f"there is no {config} here: call from the repository's root, or name another --config")
    stopping = 0
    for fact in facts(config, full):
        print(f"{fact.about:<10} {'STOPS: ' if fact.stops else ''}{fact.text}", flush=True)
        stopping += fact.stops
    print(f"{'so':<10} " + (f"{stopping} to mend first" if stopping else f"nothing stops {config}"))
    return int(stopping > 0)


def facts(file: Path, full: bool) -> Iterator[Fact]:
    """All facts in order; those that need the required packages only where these are there."""
    needed = [*machine.python(sys.version_info[:3]), *machine.packages()]
    yield from needed
    if any(fact.stops for fact in needed):
        return
    from benchmarks.planning.config import check
    from benchmarks.planning.configfile import read

    config = read(file)
    check(config)
    checks: dict[str, Callable[[], Iterator[Fact]]] = {
        "folders": machine.folders,
        "machine": lambda: machine.hardware(config),
        "GPU": machine.gpu,
        "bf16": lambda: machine.bf16(config),
        "data": lambda: machine.data(config, full),
        "weights": lambda: machine.weights(config),
        "hub": machine.hub,
    }
    for about, look in checks.items():
        try:
            yield from look()
        except Exception as error:  # one that fails leaves the others their say
            yield Fact(about, f"cannot be told ({type(error).__name__}: {error})")
