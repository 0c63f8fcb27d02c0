"""What files hold, by SHA-256, for plans: a file whose marks are the same is not read again. Imports no torch."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

MEMORY = Path("cache/checksums.json")


def sha256(file: Path) -> str:
    """Checksum of a file, read now."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def remembered(file: Path) -> str:
    """The same, of a file that may be large: kept in MEMORY under its size, its times and its place on the disk."""
    path, found = os.path.realpath(file), file.stat()
    marks = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    try:
        known = json.loads(MEMORY.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        known = {}
    if known.get(path, {}).get("marks") != marks:
        known[path] = {"marks": marks, "sha256": sha256(file)}
        MEMORY.parent.mkdir(parents=True, exist_ok=True)
        part = MEMORY.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(known), encoding="utf-8")
        part.replace(MEMORY)
    return str(known[path]["sha256"])


def files_in(folders: Iterable[Path], patterns: Iterable[str] = ("**/*",)) -> list[Path]:
    """Files of folders that fit a pattern, in order; what a download has not finished is none."""
    found = {file for folder in folders for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    return sorted(file for file in found if file.suffix not in (".part", ".lock"))
