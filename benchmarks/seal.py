"""The seal: a worker that trains cannot open test labels or raw files.

The threat is the honest mistake (a path typed wrong, a loader called twice), so Python's own audit events are
guarded; a C library that opens files by itself would pass.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class SealedError(PermissionError):
    """A worker tried to open what only `score` or `prepare` may read."""


def refuse(folders: Iterable[Path]) -> None:
    """From now on, opening anything inside one of `folders`, or in a folder "sealed" below here, raises SealedError.

    An audit hook cannot be taken back: call this in a process that ends with its verb.
    """
    closed = [os.path.realpath(folder) for folder in folders]
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
