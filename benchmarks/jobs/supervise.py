"""The light parent of a step: passes outcomes on, starts the worker, holds it to its limits, writes what became of it.

The worker fills `<output>.part-<pid>`; the parent adds `outcome.json` and `provenance.json` and moves the folder into
place whole. So a step always leaves an artifact, and a broken one costs its own cells only.
"""

import contextlib
import ctypes
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import FAILED, OK, Outcome
from benchmarks.jobs.provenance import provenance

OUTPUTS = ("--output", "--sealed-output")
POLL_SECONDS = 0.2
KEPT_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40)}
"""Lets glibc keep what is freed; else each epoch's arrays of thousands of students come from the kernel anew."""

START = "import sys; sys.path.append(''); from benchmarks.worker import work; sys.exit(work(sys.argv[1], sys.argv[2:]))"
"""The worker. The working folder comes last, so that a model beside the Snakefile may be called random.py."""


@dataclass(frozen=True)
class Limits:
    """What a worker may take; `threads` is a setting rather than a limit: results depend on it."""

    seconds: float
    gigabytes: float
    threads: int


def supervise(verb: str, flags: Sequence[str], limits: Limits, passes_on: bool = True) -> int:
    """Run a verb in a worker. Returns 0 whatever the outcome, which is in the artifact; an interrupt is no outcome.

    `passes_on`: where an artifact among the flags has failed, its outcome is this step's, too.
    """
    outputs = [Path(value) for flag, value in itertools.pairwise(flags) if flag in OUTPUTS]
    if not outputs:
        raise SystemExit(f"sgn {verb}: --output FOLDER is missing")
    above = _snakemakes()
    parts = [output.with_name(f"{output.name}.part-{os.getpid()}") for output in outputs]
    for output, part in zip(outputs, parts, strict=True):
        for remnant in output.parent.glob(f"{output.name}.part-*"):  # of a job that was killed, or is about to notice
            shutil.rmtree(remnant, ignore_errors=True)
        part.mkdir(parents=True)

    origin = str(outputs[0])
    result = outcome.failure_among(f for f in flags if Path(f) not in outputs) if passes_on else None
    if result is None:
        renamed = dict(zip(map(str, outputs), map(str, parts), strict=True))
        worker = [verb, *(renamed.get(flag, flag) for flag in flags)]
        result, used = _work(worker, parts[0], limits, origin, above)
        record = {"command": shlex.join(["sgn", verb, *flags]), **used, **provenance(limits.threads)}
    else:
        record = {"command": shlex.join(["sgn", verb, *flags]), "skipped": f"{result.origin}: {result.status}"}

    if not all(part.is_dir() for part in parts):
        raise SystemExit(f"sgn {verb}: another run of this step has taken {outputs[0]} over")
    for part, output in zip(parts, outputs, strict=True):
        if result.status != OK:
            shutil.rmtree(part)
            part.mkdir()
        result.write(part)
        (part / "provenance.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(output, ignore_errors=True)
        part.replace(output)
    if result.status != OK:
        print(f"{verb} {result.status}: {result.reason}", file=sys.stderr)
    return 0


def _work(
    worker: Sequence[str], part: Path, limits: Limits, origin: str, above: Sequence[psutil.Process]
) -> tuple[Outcome, dict[str, Any]]:
    """Start the worker and wait; its outcome, and the seconds and gigabytes that it used.

    Raises SystemExit when one of the processes `above` is gone: nobody waits for the outcome any more.
    """
    began, peak = time.monotonic(), 0.0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", START, *worker],
        env=_environment(limits.threads),
        preexec_fn=_die_with_parent(),
    )
    reason = ""
    try:
        while process.poll() is None:
            peak = max(peak, _gigabytes(process.pid))
            seconds = time.monotonic() - began
            if peak > limits.gigabytes:
                reason = f"killed: {peak:.1f} GB of memory are more than its limit of {limits.gigabytes:g} GB"
            elif seconds > limits.seconds:
                reason = f"killed: ran past its limit of {limits.seconds / 60:g} minutes"
            elif not all(p.is_running() for p in above):
                sys.exit("the workflow that started this job is gone: stopping")
            if reason:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
    finally:
        _kill(process)
        status = process.wait()
    used = {"seconds": round(time.monotonic() - began, 2), "peak_gigabytes": round(peak, 3)}
    if reason:
        return Outcome(FAILED, reason, origin), used
    if outcome.is_artifact(part):  # the worker caught its own error
        told = outcome.read(part)
        return replace(told, origin=origin), used
    if status < 0:
        name = signal.Signals(-status).name
        cause = " (out of memory, most likely)" if name == "SIGKILL" else ""
        return Outcome(FAILED, f"killed by {name}{cause}", origin), used
    if status:
        return Outcome(FAILED, f"ended with exit status {status}; its log says more", origin), used
    return Outcome(OK), used


def _environment(threads: int) -> dict[str, str]:
    """Everything around the worker that arithmetic depends on, and where its memory comes from."""
    return os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "PYTHONHASHSEED": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "TOKENIZERS_PARALLELISM": "false",
        **KEPT_MEMORY,
    }


def _die_with_parent() -> Callable[[], object] | None:
    """On Linux a worker dies with its parent, be the parent killed without a word."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGKILL)  # 1 = PR_SET_PDEATHSIG


def _kill(worker: subprocess.Popen[bytes]) -> None:
    """End the worker, and what it started itself."""
    try:
        family = psutil.Process(worker.pid).children(recursive=True)
    except psutil.Error:
        family = []
    worker.kill()
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _gigabytes(pid: int) -> float:
    """Memory of a process and its children, without what it shares (memory-mapped files can be dropped)."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            info = process.memory_info()
            total += info.rss - getattr(info, "shared", 0)
    except psutil.Error:
        pass  # it ended while we looked
    return total / 1e9


def _snakemakes() -> list[psutil.Process]:
    """The workflow, or workflows, that this process runs for."""
    found = []
    for process in psutil.Process().parents():
        with contextlib.suppress(psutil.Error):
            if "snakemake" in " ".join(process.cmdline()[:3]):
                found.append(process)
    return found
