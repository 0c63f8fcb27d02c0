"""Verb `cache`: what lies in the cache, when it was last used, what no results here were made with, and its removal."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.data.storage import read_json


@dataclass(frozen=True)
class Entry:
    """Something cached with what lies beside it: its gigabytes, days since its last use, whether results name it."""

    paths: list[Path]
    gigabytes: float
    days: float
    used: bool


def run(
    cache: Path = Path("cache"), results: Path = Path("results"), prune: bool = False, older_than: float = 7
) -> None:
    """Print a line a kind. With `prune`, remove what none of the `results` were made with, idle for so many days.

    Whatever is gone is made anew where it is needed. Raises SystemExit where a workflow runs.
    """
    locks = [FileLock(file, timeout=0) for file in results.glob("*/.lock")] if prune else []
    try:
        for lock in locks:
            lock.acquire()
    except Timeout:
        raise SystemExit("a workflow runs, and may use what would be removed: wait for it, or stop it") from None
    told = (read_json(file) for file in results.rglob("provenance.json"))
    used = {name for record in told for name in record.get("cache", [])}
    print(f"{'kind':<12} {'entries':>8} {'GB':>8} {'last used':>15} {'of no results':>14} {'GB':>8}")
    for kind in sorted(path for path in cache.glob("*") if path.is_dir()):
        found = _entries(kind, used)
        idle = [entry for entry in found if not entry.used]
        last = f"{min(entry.days for entry in found):.1f} days ago" if found else "never"
        sizes = [sum(entry.gigabytes for entry in some) for some in (found, idle)]
        print(f"{kind.name:<12} {len(found):>8} {sizes[0]:>8.3f} {last:>15} {len(idle):>14} {sizes[1]:>8.3f}")
        for entry in idle if prune else []:
            for path in entry.paths if entry.days >= older_than else []:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _entries(kind: Path, used: set[str]) -> list[Entry]:
    """The entries of a kind, each with its locks and checksums: what has a name up to the first dot in common."""
    groups: dict[str, list[Path]] = {}
    for path in sorted(kind.iterdir()):
        groups.setdefault(path.name.partition(".")[0], []).append(path)
    entries = []
    for name, paths in groups.items():
        files = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
        days = (time.time() - max(path.stat().st_mtime for path in paths)) / 86400
        entries.append(Entry(paths, sum(f.stat().st_size for f in files) / 1e9, days, f"{kind.name}/{name}" in used))
    return entries
