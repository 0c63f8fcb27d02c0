"""Checksums of a folder's files: written when it is whole, compared before it is used. Imports no library."""

import hashlib
import json
import os
from pathlib import Path

FILE = "checksums.json"
APART = "provenance.json"
"""Tells when and where, which is never the same twice; the sums of the same results are."""


class DamageError(ValueError):
    """A file is not as it was written."""


def write(folder: Path) -> None:
    """Write the SHA-256 of all files below a folder beside them, and let none of it be lost with the power."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    sums = {file.relative_to(folder).as_posix(): _sum(file) for file in files if file.name != APART}
    (folder / FILE).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")
    for path in (*files, folder / FILE, *(path for path in folder.rglob("*") if path.is_dir()), folder):
        keep(path)


def damage(folder: Path) -> str:
    """What is wrong with a folder: a file that is not as it was written; "" where all are."""
    try:
        sums = json.loads((folder / FILE).read_text(encoding="utf-8"))
        wrong = [name for name, expected in sums.items() if _sum(folder / name) != expected]
    except (OSError, ValueError, AttributeError, TypeError) as error:  # a damaged list may hold anything
        return f"{folder / FILE} is damaged, or a file that it names is gone ({type(error).__name__}: {error})"
    return f"{folder / wrong[0]} is damaged: its checksum is not that of what was written" if wrong else ""


def keep(path: Path) -> None:
    """Have the system write a file, or what a folder lists, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
