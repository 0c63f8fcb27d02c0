"""The seal: a worker that trains cannot open test labels or raw files.

The threat is the honest mistake (a path typed wrong, a loader called twice), so Python's own audit events are
guarded; a C library that opens files by itself would pass.
"""

import functools
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class SealedError(PermissionError):
    """A worker tried to open what only `score` or `prepare` may read."""


def holds(folder: Path, path: Path) -> bool:
    """Whether `path` is `folder` or lies in it, links followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


@functools.cache  # once a process: there is no way back
def close() -> None:
    """From now on, opening a raw file or a sealed label raises SealedError."""
    refuse([Path("data"), Path(os.environ.get("SGN_MIRROR") or "../shared/data")])


def refuse(folders: Iterable[Path]) -> None:
    """From now on, opening anything inside one of `folders`, or in a folder "sealed" below here, raises SealedError.

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
