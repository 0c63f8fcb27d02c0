"""What the Snakefile needs of the process it runs in: the environment of its jobs, and a lock."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

DEFAULT = "config/default.yaml"


def environment_of_jobs(mirror: str) -> Path:
    """Let jobs find `sgn` beside this very Python, and raw files in SGN_MIRROR or else in the config's `mirror`.

    Returns the mirror.
    """
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ.setdefault("SGN_MIRROR", mirror)
    return Path(os.environ["SGN_MIRROR"])


def command(configfiles: Sequence[str]) -> str:
    """The command that runs this workflow, for messages on how to retry a part of it."""
    given = [os.path.relpath(file) for file in configfiles if os.path.relpath(file) != DEFAULT]
    return " ".join(["snakemake --cores all", *(["--configfile", *given] if given else [])])


def device_for(name: str) -> str:
    """The device that a config's `device` means on this machine: "auto" is a GPU where torch finds one."""
    if name != "auto":
        return name
    if not any(Path("/dev").glob("nvidia[0-9]*")):  # asking torch takes seconds
        return "cpu"
    asked = "import torch; print('cuda' if torch.cuda.is_available() else 'cpu')"
    return subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()


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
