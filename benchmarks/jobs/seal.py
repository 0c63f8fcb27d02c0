"""The seal: a worker that trains cannot open test labels or raw files.

The threat is the honest mistake (a path typed wrong, a loader called twice), so Python's own audit events are
guarded; a C library that opens files by itself would pass. A fork stays guarded, and other programs are not started.
Landlock, by which Linux guards whatever a process starts, can only allow: all but two folders would leave what is new
beside them, such as a home's first `.cache`, unreadable.
"""

import functools
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
"""Events of starting another program, in which nothing would be guarded."""
PYTHONS = (
    "multiprocessing.popen_spawn_posix",
    "multiprocessing.popen_forkserver",
    "joblib.externals.loky.backend.popen_loky_posix",
)
"""Modules that are imported to start another Python, which no event tells of."""


class SealedError(PermissionError):
    """A worker tried to open what only `score` or `prepare` may read, or to start a program that could."""


def holds(folder: Path, path: Path) -> bool:
    """Whether `path` is `folder` or lies in it, links followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


@functools.cache  # once a process: there is no way back
def close() -> None:
    """From now on, opening a raw file or a sealed label, or starting a program, raises SealedError."""
    refuse([Path("data"), Path(os.environ.get("SGN_MIRROR") or "../shared/data")])


def refuse(folders: Iterable[Path]) -> None:
    """From now on, opening anything inside one of `folders`, or in a folder "sealed" below here, raises SealedError.

    So does starting another program.

    An audit hook cannot be taken back: call this in a process that ends with its verb. Raises ValueError for a folder
    in which the working folder lies, for nothing could be opened then.
    """
    folders = list(folders)
    for folder in folders:
        if holds(folder, Path()):
            raise ValueError(f"the working folder lies in {folder}, which is for raw files: name another SGN_MIRROR")
    code = os.path.realpath(Path(__file__).parents[1] / "data")  # which is "data" to whoever calls from benchmarks/
    closed = [path for folder in folders if (path := os.path.realpath(folder)) != code]
    here = os.path.realpath(".")

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in PROGRAMS or (event == "import" and args[0] in PYTHONS):
            raise SealedError(
                f"{_program(event, args)} is not started: training and tuning may read neither test labels nor raw "
                "files, and another program could. Work in this process, its threads or its forks"
            )
        if event not in ("open", "os.listdir", "os.scandir") or not isinstance(args[0], str | bytes | os.PathLike):
            return
        path = os.path.realpath(os.fsdecode(args[0]))
        if "sealed" in Path(os.path.relpath(path, here)).parts or any(
            path == f or path.startswith(f + os.sep) for f in closed
        ):
            raise SealedError(
                f"{os.fsdecode(args[0])} is sealed: training and tuning may read neither test labels nor raw files"
            )

    sys.addaudithook(hook)


def _program(event: str, args: tuple[Any, ...]) -> str:
    """What an event starts, as typed: its arguments are one command, or a file, words and more."""
    if event == "import":
        return f"another Python ({args[0]})"
    words = args[0] if event == "os.system" else args[1]
    return " ".join(map(os.fsdecode, [words] if isinstance(words, str | bytes | os.PathLike) else words))
