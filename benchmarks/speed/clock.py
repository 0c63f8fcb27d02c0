"""Seconds that can be trusted: warm-up, synchronization, rounds that interleave, memory of a process of its own.

Needs torch only where a device or a machine is asked for.
"""

import gc
import getpass
import itertools
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from math import nan
from pathlib import Path
from typing import Any, Protocol

import psutil
from filelock import FileLock

from benchmarks.jobs.provenance import provenance

LIBRARIES = ("sentence-transformers", "torch_geometric", "tokenizers", "safetensors")
"""What is timed besides the libraries that every provenance names."""


def lock(device: str) -> FileLock:
    """Held by whoever measures on a device, from whatever folder."""
    return FileLock(Path(tempfile.gettempdir()) / f"sgn-timing-{getpass.getuser()}-{device.replace(':', '-')}.lock")


class Clock(Protocol):
    """Marks points in time, each once all work that was handed to the device before it has ended."""

    def mark(self) -> Any:
        """The present, after waiting for the device."""

    def seconds(self, start: Any, end: Any) -> float:
        """Between two marks."""


class HostClock:
    """The machine's monotonic clock; `synchronize` waits for a device that works on its own."""

    def __init__(self, synchronize: Callable[[], object] = lambda: None) -> None:
        self.synchronize = synchronize

    def mark(self) -> float:
        """See `Clock`."""
        self.synchronize()
        return time.perf_counter()

    def seconds(self, start: float, end: float) -> float:
        """See `Clock`."""
        return end - start


class EventClock:
    """Events in the stream of a CUDA device; `cuda` is torch.cuda."""

    def __init__(self, cuda: Any) -> None:
        self.cuda = cuda

    def mark(self) -> Any:
        """See `Clock`."""
        event = self.cuda.Event(enable_timing=True)
        event.record()
        event.synchronize()
        return event

    def seconds(self, start: Any, end: Any) -> float:
        """See `Clock`."""
        return start.elapsed_time(end) / 1000


def clock_of(device: str) -> Clock:
    """Events on a GPU, the monotonic clock on a CPU."""
    if device == "cpu":
        return HostClock()
    import torch

    torch.cuda.set_device(0 if device == "cuda" else device)  # events are of the current one
    return EventClock(torch.cuda)


Work = Callable[[Clock], list[float]]
"""Does something, and says how long it took: one or several times."""


def whole(function: Callable[[], object]) -> Work:
    """The time of a call from its begin to its end."""

    def work(clock: Clock) -> list[float]:
        start = clock.mark()
        function()
        return [clock.seconds(start, clock.mark())]

    return work


class Laps:
    """A `Report` (sgn.fit) that marks the end of each epoch and stops after `laps` of them and one before.

    The one before holds what happens once, so it is no lap.
    """

    def __init__(self, clock: Clock, laps: int) -> None:
        self.clock, self.laps, self.marks = clock, laps, list[Any]()

    def __call__(self, epoch: int, score: float, loss: float = 0.0) -> bool:
        """Take a mark, whatever the score."""
        self.marks.append(self.clock.mark())
        return len(self.marks) > self.laps

    @property
    def improved(self) -> bool:
        """Every epoch keeps its weights, as one in a rising curve does."""
        return True

    @property
    def seconds(self) -> list[float]:
        """Of each lap."""
        return [self.clock.seconds(a, b) for a, b in itertools.pairwise(self.marks)]


def epochs(fit: Callable[[Laps], object], laps: int) -> Work:
    """The times of a training's epochs, validation included: `fit` hands what it is given on as its `report`."""

    def work(clock: Clock) -> list[float]:
        report = Laps(clock, laps)
        fit(report)
        return report.seconds

    return work


@dataclass(frozen=True, eq=False)
class Case:
    """One way to do what a group is about. `items` of a `unit` are done by it, `flops` and `moved` bytes take part."""

    way: str
    work: Work
    items: float = 1.0
    unit: str = "call"
    flops: float = nan
    moved: float = nan


@dataclass(frozen=True)
class Group:
    """Cases that are compared: built by `cases(device, **options)` of a suite. `size` is what grows, where it does.

    `rounds` of its own and no warm-up are for what takes minutes.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    size: float = nan
    rounds: int | None = None


def measure(cases: Sequence[Case], clock: Clock, rounds: int, warm_up: bool = True) -> list[dict[str, Any]]:
    """A row a case, round and measurement.

    Each case runs once to warm up. Then rounds in which every case has its turn, each time another one first: what
    slows the machine for a while slows all of them.
    """
    for case in cases if warm_up else ():
        case.work(clock)
    rows = []
    for number in range(rounds):
        first = number % len(cases)
        for case in [*cases[first:], *cases[:first]]:
            gc.collect()  # not in the middle of it
            for seconds in case.work(clock):
                known = {name: getattr(case, name) for name in ("way", "items", "unit", "flops", "moved")}
                rows.append(known | {"round": number, "seconds": seconds})
    return rows


def in_child(function: Callable[..., Any], *args: Any) -> Any:
    """What a function returns in a fresh process, whose memory is its own.

    Raises concurrent.futures.process.BrokenProcessPool where that process is killed, as one out of memory is.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def peak_gigabytes(device: str) -> float:
    """The most memory so far: what the allocator of a GPU held, or what this process had in RAM."""
    if device != "cpu":
        import torch

        return torch.cuda.max_memory_allocated(device) / 1e9
    status = Path("/proc/self/status")  # getrusage would count what the parent had before it started this process
    if status.exists():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024) / 1e9


def machine(device: str) -> dict[str, Any]:
    """What measured: provenance, device, driver, clocks, threads, load, versions."""
    import torch

    frequency = psutil.cpu_freq()
    found = provenance(torch.get_num_threads()) | {
        "device": device,
        "megahertz": {"now": frequency.current, "most": frequency.max} if frequency else None,
        "memory_gigabytes": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": os.getloadavg()[0],
    }
    found["libraries"] |= {name: version(name) for name in LIBRARIES}
    if device != "cpu":
        memory = torch.cuda.get_device_properties(device).total_memory
        found |= {"device_name": torch.cuda.get_device_name(device), "device_gigabytes": memory / 1e9}
        found |= {"cuda": torch.version.cuda} | _driver()
    return found


def _driver() -> dict[str, str]:
    """Driver, clocks and limit of power, as far as the driver's tool tells."""
    asked = ("driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "power.limit")
    if not (tool := shutil.which("nvidia-smi")):
        return {}
    command = [tool, f"--query-gpu={','.join(asked)}", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return dict(zip(asked, done.stdout.splitlines()[0].split(", "), strict=True)) if done.returncode == 0 else {}
