"""What the Snakefile needs of the process it runs in: the environment of its jobs, and a lock."""

import fcntl
import functools
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from benchmarks.config import ConfigError
from benchmarks.data.raw import DOWNLOADS
from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import NOT_AVAILABLE, Outcome
from benchmarks.jobs.seal import holds

DEFAULT = "config/default.yaml"


def environment_of_jobs(mirror: str) -> Path:
    """Let jobs find `sgn` beside this very Python, and raw files in SGN_MIRROR or else in the config's `mirror`.

    Returns the mirror; where neither names one, it is data/ itself. Raises ConfigError for one with this folder in it,
    which is closed to training.
    """
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


def arrivals(tier: Path, datasets: Iterable[str], mirror: Path) -> dict[str, int]:
    """How often raw files of a dataset have come after a run that called it "not available"; kept in `tier`.

    Snakemake looks at inputs and params, and a raw file is no input. So this number is a param of the step that needs
    the file, and grows when the file is there.
    """
    file = tier / ".arrivals.json"
    counts: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    folders = {name: tier / "data" / name for name in datasets}
    new = [n for n, f in folders.items() if outcome.is_artifact(f) and _can_be_had(outcome.read(f), mirror)]
    if new:
        counts |= {name: counts.get(name, 0) + 1 for name in new}
        file.write_text(json.dumps(counts), encoding="utf-8")
    return counts


def _can_be_had(ended: Outcome, mirror: Path) -> bool:
    if ended.status != NOT_AVAILABLE or not ended.needs:
        return False
    return any(all((place / name).exists() for name in ended.needs) for place in (mirror, DOWNLOADS))


def device_for(name: str) -> str:
    """The device that a config's `device` means on this machine: "auto" is a GPU where torch finds one."""
    if name != "auto":
        return name
    return "cuda" if any(Path("/dev").glob("nvidia[0-9]*")) and _gpus() else "cpu"  # asking torch takes seconds


def name_of(device: str) -> str:
    """A device's own name, the GPUs' where it is "cuda": what is computed depends on it."""
    return ", ".join(_gpus()) if device == "cuda" else device


@functools.cache
def _gpus() -> list[str]:
    """Names of the kinds of GPUs that torch finds."""
    asked = "import torch; print(*(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())), sep='\\n')"
    found = subprocess.run([sys.executable, "-P", "-c", asked], capture_output=True, text=True, check=True).stdout
    return sorted(set(found.split("\n")) - {""})


def in_words(environment: Mapping[str, str]) -> str:
    """An environment as a param of the rules that compute in it."""
    return ", ".join(f"{name} {version}" for name, version in environment.items())


_held: list[IO[str]] = []  # a lock's file must stay open


def hold_lock(folder: Path) -> None:
    """Take the lock of a results folder until this process ends.

    Two workflows may not write one tier at a time. The lock ends with the process, however it ends, so that a
    killed run leaves nothing to clean up. Raises SystemExit where another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(
            f"another snakemake is writing {folder}: wait for it, or stop it, then give the same command again"
        ) from None
    _held.append(lock)
