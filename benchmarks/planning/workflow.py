"""What the Snakefile needs of the process it runs in: the environment of its jobs, and a lock."""

import contextlib
import functools
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from benchmarks.data import content
from benchmarks.data.raw import DOWNLOADS
from benchmarks.jobs import gpus, outcome, system
from benchmarks.jobs.seal import holds
from benchmarks.planning.config import ConfigError
from benchmarks.training.places import is_here

DEFAULT = "config/default.yaml"
ATTEMPTS = ".attempts.json"
ROOM = 1.25
"""Over the memory that a job was seen to take, for the next one."""


def environment_of_jobs(mirror: str) -> Path:
    """Let jobs find `sgn` beside this very Python, and raw files in SGN_MIRROR or else in the config's `mirror`.

    Returns the mirror; where neither names one, it is data/ itself. Raises ConfigError for one with this folder in it,
    which is closed to training.
    """
    system.require()
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    named = os.environ.get("SGN_MIRROR") or mirror or str(DOWNLOADS)
    if holds(Path(named), Path()):
        raise ConfigError(f"mirror (or SGN_MIRROR) = {named!r} holds the working folder; expected one for raw files")
    os.environ["SGN_MIRROR"] = named
    return Path(named)


def command(configfiles: Sequence[str], overrides: Mapping[str, Any] = {}) -> str:
    """The command that runs this workflow, for messages on how to retry a part of it."""
    words = ["snakemake", "--cores", "all"]
    if (given := [os.path.relpath(file) for file in configfiles]) not in ([], [DEFAULT]):
        words += ["--configfile", *given]
    if overrides:
        values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in overrides.items()}
        words += ["--config", *(f"{key}={value}" for key, value in values.items())]
    return shlex.join(words)


def attempts(tier: Path, mirror: Path, config: Mapping[str, Any], counting: bool = True) -> dict[str, int]:
    """By artifact of a tier, how often something has come that it needed for a new attempt; see `remember`.

    This number is a param of each step. Snakemake cannot see by itself that a file has arrived, a limit was raised, or
    a disk has space again. Jobs that plan anew on another machine read the counts and do not count (`counting`).
    """
    counts: dict[str, int] = {}
    with contextlib.suppress(FileNotFoundError, ValueError):  # half a file: what it counted is tried once more
        counts = json.loads((tier / ATTEMPTS).read_text(encoding="utf-8"))
    timed = tier / config["timing"]["folder"]
    ends = [(file.parent, outcome.told(file.parent)) for file in tier.rglob("outcome.json")] if counting else []
    new = {
        end.origin
        for folder, end in ends
        if folder.is_relative_to(end.origin or folder)  # what passes an outcome on has no needs of its own
        and _met(end.needs, mirror, (config["timing"] if folder.is_relative_to(timed) else config)["limits"])
    }
    return counts | {origin: counts.get(origin, 0) + 1 for origin in new}


def remember(tier: Path, counts: Mapping[str, int]) -> None:
    """Keep the attempts that a run, and no mere plan, has begun."""
    part = tier / f"{ATTEMPTS}.part"
    part.write_text(json.dumps(counts), encoding="utf-8")
    part.replace(tier / ATTEMPTS)


def _met(needs: Mapping[str, Any], mirror: Path, limits: Mapping[str, float]) -> bool:
    """Whether there is what an outcome needs for a new attempt, see Outcome."""
    files, weights = needs.get("files", {}), needs.get("weights")
    return (
        needs.get("another run", False)
        or any(limits[limit] > needs[limit] for limit in ("minutes", "memory_mb") if limit in needs)
        or any(files and all(_is(place / name, sha) for name, sha in files.items()) for place in (mirror, DOWNLOADS))
        or (weights is not None and is_here(weights))
    )


def _is(file: Path, sha256: str) -> bool:
    return file.is_file() and sha256 in ("", content.remembered(file))


def device_for(name: str) -> str:
    """The device that a config's `device` means on this machine: "auto" is a GPU where torch finds one."""
    if name != "auto":
        return name
    return "cuda" if any(Path("/dev").glob("nvidia[0-9]*")) and _gpus() else "cpu"  # asking torch takes seconds


def name_of(device: str) -> str:
    """A device's own name, that of the first GPU for "cuda": what is computed depends on it."""
    kind, _, number = device.partition(":")
    return dict(enumerate(_gpus())).get(int(number or 0), device) if kind == "cuda" else device


@functools.cache
def _gpus() -> list[str]:
    """Names of the GPUs that torch finds."""
    asked = "import torch; print(*(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())), sep='\\n')"
    found = subprocess.run([sys.executable, "-P", "-c", asked], capture_output=True, text=True, check=True).stdout
    return found.strip().split("\n") if found.strip() else []


def gpu_shares(device: str, shares: int) -> int:
    """Shares of all GPUs that jobs on a device may take, `shares` of each; told to the jobs, which choose by them.

    Of a GPU that the config names by its number, nothing is left to choose.
    """
    os.environ.pop(gpus.POOL, None)
    if device == "cuda":
        found = gpus.pool(_gpus(), shares, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
        os.environ[gpus.POOL] = ",".join(found)
        return len(found)
    return shares if device != "cpu" else 0


def known_memory(results: Path, references: Path = Path("results/reference")) -> dict[str, int]:
    """Megabytes that a verb's job is known to take, with some room: its peak in `results` and in all references."""
    peaks: dict[str, float] = {}
    damaged = (ValueError, KeyError, TypeError, AttributeError, IndexError)  # tells nothing, nor does a family's cell
    for file in references.glob("*/provenance.json"):
        with contextlib.suppress(*damaged):
            for verb, told in json.loads(file.read_text(encoding="utf-8"))["verbs"].items():
                peaks[verb] = max(peaks.get(verb, 0.0), told["peak_gigabytes"])
    for file in results.glob("**/provenance.json"):
        with contextlib.suppress(*damaged):
            told = json.loads(file.read_text(encoding="utf-8"))
            verb = told["command"].split()[1]
            peaks[verb] = max(peaks.get(verb, 0.0), told.get("peak_gigabytes", 0.0))
    return {verb: round(peak * 1000 * ROOM) for verb, peak in peaks.items()}


def machine_memory() -> int:
    """Megabytes of this machine, or of the container that this runs in."""
    file = Path("/sys/fs/cgroup/memory.max")
    limit = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    total = psutil.virtual_memory().total
    return min(total, int(limit) if limit.isdecimal() else total) // 1_000_000


def in_words(environment: Mapping[str, str]) -> str:
    """An environment as a param of the rules that compute in it."""
    return ", ".join(f"{name} {version}" for name, version in environment.items())


_held: list[FileLock] = []  # one that is forgotten is given back


def hold_lock(folder: Path) -> None:
    """Take the lock of a results folder until this process ends.

    Two workflows may not write one tier at a time. The lock ends with the process, however it ends, so that a
    killed run leaves nothing to clean up. Raises SystemExit where another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise SystemExit(
            f"another snakemake is writing {folder}: wait for it, or stop it, then give the same command again"
        ) from None
    _held.append(lock)
