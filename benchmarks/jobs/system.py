"""What a job needs of the system under it: one that the suite runs on, a console that prints, folders that take files.

Imports nothing that may be missing.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def require(platform: str = sys.platform) -> None:
    """Raise SystemExit on a system that the suite does not run on."""
    if platform == "win32":
        raise SystemExit(
            "SGN runs on Linux and macOS; on Windows use WSL: https://learn.microsoft.com/windows/wsl/install"
        )


def print_anything(*streams: Any) -> None:
    """Let a console that knows few characters show the others escaped; else the first of them ends the program."""
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")


def refused(folder: Path) -> str:
    """Why no file can be written into a folder, which is made where it is missing; "" where one can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def cache_of_snakemake() -> Path:
    """The folder that Snakemake makes and fills before it reads a Snakefile."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "snakemake"
