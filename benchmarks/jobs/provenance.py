"""Where a number comes from: code, environment, machine. Kept apart from the number itself."""

import functools
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.jobs import source

LIBRARIES = ("torch", "transformers", "optuna", "numpy", "scipy", "scikit-learn", "pandas", "snakemake")


def provenance(threads: int, command: Iterable[str] = ()) -> dict[str, Any]:
    """What runs where: commit, code, time, versions, processor, threads; to be asked before a command begins.

    The code is that of the modules that the words of `command` name. `uncommitted` are files that the commit lacks or
    has otherwise: any that git tracks, and those of that code; the commit ends in a "+" where there are some, and is
    empty outside git.
    """
    names = [name for word in command for name in source.mentioned(word)]
    head, uncommitted = _commit(source.files(*names))
    return {
        "commit": head + ("+" if head and uncommitted else ""),
        "uncommitted": uncommitted,
        "code": source.code_hash(*names),
        "began": now(),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
    }


def now() -> str:
    """The time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _commit(code: Iterable[Path]) -> tuple[str, list[str]]:
    """The commit, and the files that it lacks or has otherwise; "" and all of the code outside git."""
    git = functools.partial(subprocess.run, cwd=source.ROOT, capture_output=True, text=True)
    named = {os.path.relpath(file, source.ROOT) for file in code}
    try:
        head = git(["git", "rev-parse", "--short=12", "HEAD"]).stdout.strip()
        tracked = set(git(["git", "ls-files", "-z"]).stdout.split("\0"))
        changed = git(["git", "diff", "--name-only", "-z", "--relative", "HEAD"]).stdout.split("\0")
    except FileNotFoundError:
        return "", sorted(named)
    return head, sorted({*filter(None, changed), *(named - tracked)})


def processor() -> str:
    """Model name of the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
