"""The light parent of a step: passes outcomes on, starts the worker, holds it to its limits, writes what became of it.

The worker fills `<output>.part-<pid>`; the parent adds `outcome.json` and `provenance.json` and moves the folder into
place whole. So a step always leaves an artifact, and a broken one costs its own cells only. A worker that does not say
that it is done has failed, whatever its exit status; what it started ends with it. Snakemake deletes what a failed job
made and does not run what follows, and runners of processes know limits but no outcome: so this is ours.
"""

import contextlib
import ctypes
import functools
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.jobs import checksums, gpus, outcome
from benchmarks.jobs.flags import OUTPUTS
from benchmarks.jobs.outcome import ANOTHER_RUN, FAILED, OK, Outcome
from benchmarks.jobs.provenance import now, provenance

POLL_SECONDS = 0.2
GRACE_SECONDS = 0.5
"""Time for what a worker leaves to tidy up, as Python's own tracker of shared memory does, before it is killed."""
STUBBORN = 20
"""Rounds of killing before what cannot be killed is left."""
PASSING = {"SIGKILL": " (out of memory, most likely)", "SIGBUS": " (the disk of the cache is full, most likely)"}
"""Causes that may have passed by the next run, by the signal that a worker ends with."""
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
    gpu_shares: int


def supervise(verb: str, flags: Sequence[str], limits: Limits, passes_on: bool = True) -> int:
    """Run a verb in a worker. Returns 0 whatever the outcome, which is in the artifact; an interrupt is no outcome.

    Without an output it returns 2, as any wrong flag does. `passes_on`: where an artifact
    among the flags has failed, its outcome is this step's, too.
    """
    outputs = [Path(value) for out in OUTPUTS for flag, value in itertools.pairwise(flags) if flag == out]
    if not outputs:
        print(f"sgn {verb}: expected --output FOLDER, in two words", file=sys.stderr)
        return 2
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
        sources = provenance(limits.threads, [f"benchmarks.{verb.replace('-', '_')}", *flags])
        with gpus.held(limits.gpu_shares) as gpu:
            result, used = _work(worker, parts[0], limits, gpu, origin, above)
        record = {"command": shlex.join(["sgn", verb, *flags]), **used, "ended": now(), **sources}
    else:
        record = {"command": shlex.join(["sgn", verb, *flags]), "skipped": f"{result.origin}: {result.status}"}

    if not all(part.is_dir() for part in parts):
        raise SystemExit(f"sgn {verb}: another run of this step has taken {outputs[0]} over")
    if result.status == OK and (own := parts[0] / "provenance.json").exists():  # what the worker tells of its sources
        record |= json.loads(own.read_text(encoding="utf-8"))
    for part, output in zip(parts, outputs, strict=True):
        if result.status != OK:
            shutil.rmtree(part)
            part.mkdir()
        result.write(part)
        (part / "provenance.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        checksums.write(part)
        shutil.rmtree(output, ignore_errors=True)
        part.replace(output)
    if result.status != OK:
        print(f"{verb} {result.status}: {result.reason}", file=sys.stderr)
    return 0


def _work(
    worker: Sequence[str],
    part: Path,
    limits: Limits,
    gpu: Mapping[str, str],
    origin: str,
    above: Sequence[psutil.Process],
) -> tuple[Outcome, dict[str, Any]]:
    """Start the worker and wait; its outcome, and the seconds and gigabytes that it used.

    Raises SystemExit when one of the processes `above` is gone: nobody waits for the outcome any more.
    """
    began, peak = time.monotonic(), 0.0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _prctl(SET_CHILD_SUBREAPER, 1)  # a daemon that the worker starts stays among our children
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", START, *worker],
        env={**_environment(limits.threads), **gpu},
        preexec_fn=functools.partial(_prctl, SET_PDEATHSIG, signal.SIGKILL),  # it dies with us, however we end
    )
    reason, needs = "", {}
    try:
        while process.poll() is None:
            peak = max(peak, _gigabytes(peak))
            seconds = time.monotonic() - began
            if peak > limits.gigabytes:
                reason = f"killed: {peak:.1f} GB of memory are more than its limit of {limits.gigabytes:g} GB"
                needs = {"memory_mb": round(limits.gigabytes * 1000, 3)}
            elif seconds > limits.seconds:
                reason = f"killed: ran past its limit of {limits.seconds / 60:g} minutes"
                needs = {"minutes": round(limits.seconds / 60, 3)}
            elif not all(p.is_running() for p in above):
                sys.exit("the workflow that started this job is gone: stopping")
            if reason:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_SECONDS)
    finally:
        status = _end(process)
    used = {"seconds": round(time.monotonic() - began, 2), "peak_gigabytes": round(peak, 3)}
    if reason:
        return Outcome(FAILED, reason, origin, needs), used
    told = outcome.read(part) if outcome.is_artifact(part) else None
    if told and told.status != OK:  # the worker caught its own error
        return replace(told, origin=origin), used
    if status < 0:
        name = signal.Signals(-status).name
        cause = PASSING.get(name, "")
        return Outcome(FAILED, f"killed by {name}{cause}", origin, ANOTHER_RUN if cause else {}), used
    if status:
        return Outcome(
            FAILED, f"ended with exit status {status}; " + (outcome.log() or "its log says more"), origin
        ), used
    if not told:
        return Outcome(
            FAILED, "something ended the process, with exit status 0, before the step was done", origin
        ), used
    return replace(told, origin=origin) if told.needs else told, used


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


SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
"""Calls of Linux's prctl; other systems have nothing like them."""


def _prctl(call: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(call, value)


def _end(worker: subprocess.Popen[bytes]) -> int:
    """End the worker and all that it started, daemons included; its exit status."""
    worker.kill()
    status = worker.wait()
    psutil.wait_procs(psutil.Process().children(recursive=True), GRACE_SECONDS)
    for _ in range(STUBBORN):
        if not (left := psutil.Process().children(recursive=True)):
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, POLL_SECONDS)
    return status


def _gigabytes(known: float) -> float:
    """Memory of the worker and what it started: their own and what they share, once; no files, which can be dropped.

    What each has is told at once. Who has which part of it takes the system long to find, 30 ms a gigabyte, so it is
    asked only of several processes that may have more together than is `known` already.
    """
    family = psutil.Process().children(recursive=True)
    most = sum(map(_resident, family)) / 1e9
    return most if len(family) < 2 or most <= known else sum(map(_proportional, family)) / 1e9


def _resident(process: psutil.Process) -> int:
    """Bytes of a process that are no file's; where the system does not tell, all but what it shares."""
    with contextlib.suppress(psutil.Error, OSError):  # it ended while we looked
        if parts := _kilobytes(process, "status", "Rss(?:Anon|Shmem)"):
            return sum(parts) * 1024
        info = process.memory_info()
        return info.rss - getattr(info, "shared", 0)
    return 0


def _proportional(process: psutil.Process) -> int:
    """The same, with the process's part alone of what several share."""
    with contextlib.suppress(OSError):
        if parts := _kilobytes(process, "smaps_rollup", "Pss_(?:Anon|Shmem)"):
            return sum(parts) * 1024
    return _resident(process)


def _kilobytes(process: psutil.Process, name: str, field: str) -> list[int]:
    """Values of a field in a file that Linux has of each process."""
    file = Path(f"/proc/{process.pid}/{name}")
    return [int(n) for n in re.findall(rf"^{field}:\s+(\d+) kB$", file.read_text() if file.exists() else "", re.M)]


def _snakemakes() -> list[psutil.Process]:
    """The workflow, or workflows, that this process runs for."""
    found = []
    for process in psutil.Process().parents():
        with contextlib.suppress(psutil.Error):
            if "snakemake" in " ".join(process.cmdline()[:3]):
                found.append(process)
    return found
