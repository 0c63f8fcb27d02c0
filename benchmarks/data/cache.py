"""The cache: what must survive a broken-off job, keyed by everything it depends on, written whole or not at all.

joblib's and diskcache's keys hold arguments, and no code below the function that is called; their values are pickles.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from benchmarks.jobs import checksums

USED: set[str] = set()
"""Entries that this process has taken or made: what its results are made with."""


def fingerprint(*parts: Any) -> str:
    """SHA-256 over JSON values, arrays, tensors and dataclasses of these, order and types included."""
    digest = hashlib.sha256()

    def add(part: Any) -> None:
        if is_dataclass(part):
            for own in (own for own in fields(part) if own.init):  # what else it holds follows from these
                digest.update(f"{own.name}=".encode())
                add(getattr(part, own.name))
            return
        if hasattr(part, "numpy"):
            part = part.numpy()
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).view(np.uint8).data if part.size else b"")
        else:
            digest.update(json.dumps(part, sort_keys=True, separators=(",", ":")).encode())
        digest.update(b"\x00")

    for part in parts:
        add(part)
    return digest.hexdigest()


def folder(root: Path, kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder `root/kind/key`; where it is missing, `make` fills a temporary one, which is then moved into place.

    One that is damaged is named, and made anew. Two jobs that want the same entry wait for each other: one makes it,
    the other takes it.
    """
    entry = root / kind / key[:32]
    entry.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(entry.with_suffix(".lock")):  # held by the process: a killed job leaves none behind
        if entry.is_dir() and (wrong := checksums.damage(entry)):
            print(f"{wrong}; it is made anew", file=sys.stderr, flush=True)
            shutil.rmtree(entry)
        if not entry.is_dir():
            for remnant in entry.parent.glob(f"{entry.name}.part-*"):
                shutil.rmtree(remnant)
            part = Path(tempfile.mkdtemp(prefix=f"{entry.name}.part-", dir=entry.parent))
            make(part)
            checksums.write(part)
            part.replace(entry)
            checksums.keep(entry.parent)
        os.utime(entry)  # when it was last used
    USED.add(f"{kind}/{entry.name}")
    return entry


def arrays(root: Path, kind: str, key: str, make: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Arrays under a key, made by `make` where they are missing."""

    def save(part: Path) -> None:
        np.savez(part / "arrays.npz", **make())  # type: ignore[arg-type]

    with np.load(folder(root, kind, key, save) / "arrays.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
