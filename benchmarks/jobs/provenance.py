"""Where a number comes from: code, environment, machine. Kept apart from the number itself."""

import functools
import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "optuna", "numpy", "scipy", "scikit-learn", "pandas", "snakemake")


def provenance(threads: int) -> dict[str, Any]:
    """What ran where: commit, time, versions, processor, threads."""
    return {
        "commit": _commit(),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
    }


def _commit() -> str:
    """Commit of the code, with a "+" where the working tree differs; empty outside git."""
    root = Path(__file__).resolve().parent
    git = functools.partial(subprocess.run, cwd=root, capture_output=True, text=True)
    try:
        head = git(["git", "rev-parse", "--short=12", "HEAD"])
        dirty = git(["git", "status", "--porcelain", "--untracked-files=no"])
    except FileNotFoundError:
        return ""
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def processor() -> str:
    """Model name of the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
