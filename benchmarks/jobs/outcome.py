"""How a step ended (ok, failed, not available, not applicable) and why: the `outcome.json` of every artifact folder."""

import errno
import json
import os
import sysconfig
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.jobs import checksums
from sgn.errors import NotApplicableError as NotApplicableError

OK, FAILED, NOT_AVAILABLE, NOT_APPLICABLE = "ok", "failed", "not available", "not applicable"
NO_TEXT = "the dataset has no text"
"""The reason why what reads text does not apply."""
INSTRUMENT = tuple(str(Path(__file__).resolve().parents[2] / folder) + os.sep for folder in ("sgn", "benchmarks"))
DATASETS = f"{os.sep}benchmarks{os.sep}datasets{os.sep}"
STANDARD = sysconfig.get_path("stdlib")
SHOWN = 400
"""Characters of either end of a long reason that are shown."""
ANOTHER_RUN = {"another run": True}
"""Needs of what may have passed by the next run, as a full disk has."""
FULL = (errno.ENOSPC, errno.EDQUOT)


class NotAvailableError(Exception):
    """Something from outside is missing (raw data, weights): the step cannot run here, and nobody erred.

    `needs` say with what it is worth a new attempt, see Outcome.
    """

    def __init__(self, reason: str, needs: Mapping[str, Any] = {}) -> None:
        super().__init__(reason)
        self.needs = dict(needs)


class AllLostError(RuntimeError):
    """Nothing is left of a search's trials, or of a family's cells; `needs` as of one that may pass."""

    def __init__(self, reason: str, needs: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.needs = dict(needs)


LOSSES = (Exception, SystemExit)
"""What code that is not ours may raise, and so lose its own cells: `sys.exit()` ends a run, not the job."""


def words(error: BaseException) -> str:
    """An error in words that can be written anywhere: what is no text in it is escaped."""
    try:
        message = str(error)
    except Exception as broken:
        message = f"(its message cannot be told: {type(broken).__name__})"
    return f"{type(error).__name__}: {message}".encode(errors="backslashreplace").decode()


def said(error: BaseException) -> str:
    """The same with where it was raised, and the log."""
    return f"{words(error)} ({'; '.join(filter(None, [_line(error), log()]))})"


def _line(error: BaseException) -> str:
    """File and line of what raised: the last one in the file of a model or dataset, else of ours, else of a library."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith((STANDARD, "<"))]
    own = [f for f in outside if not f.filename.startswith(INSTRUMENT) or DATASETS in f.filename]
    found = (own or outside or frames)[-1:]
    return "".join(f"{seen_from_here(Path(f.filename))}, line {f.lineno}" for f in found)


def log() -> str:
    """The file that this process tells in what goes wrong, as far as the system knows: a job's own below logs/."""
    link = Path("/proc/self/fd/2")
    file = link.readlink() if link.is_file() else link
    return f"log: {seen_from_here(file)}" if file != link and file.is_file() else ""  # one that was deleted has no name


def seen_from_here(file: Path) -> str:
    """A path as it is typed in the working folder."""
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def brief(reason: str) -> str:
    """A reason in one line of a length that a table can hold; its end stays, for there it says where."""
    reason = " ".join(reason.split())
    return reason if len(reason) <= 2 * SHOWN else f"{reason[:SHOWN]} \N{HORIZONTAL ELLIPSIS} {reason[-SHOWN:]}"


@dataclass(frozen=True)
class Outcome:
    """Status, the reason in words, and the artifact where it began: what to make anew after mending the cause.

    `needs` say with what the next run tries again by itself, any one of them: "files" (SHA-256 or "", by folder/name),
    all in one place, the mirror or data/; "weights" of that name, here; more than so many "minutes" or "memory_mb";
    or just "another run".
    """

    status: str
    reason: str = ""
    origin: str = ""
    needs: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write `folder/outcome.json`."""
        (folder / "outcome.json").write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Outcome:
    """Read `folder/outcome.json`; a folder with a damaged file tells of a failure.

    One that a worker is still at, and a cell of a family, whose family has them, has no checksums.
    """
    if wrong := checksums.damage(folder) if (folder / checksums.FILE).exists() else "":
        return Outcome(FAILED, wrong, str(folder))
    return told(folder)


def told(folder: Path) -> Outcome:
    """What `folder/outcome.json` says, whatever has become of the other files."""
    file = folder / "outcome.json"
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        return Outcome(**entries | {"needs": dict(entries.get("needs", {}))})
    except (ValueError, TypeError, AttributeError) as error:
        return Outcome(FAILED, f"{file} is damaged ({error})", str(folder), ANOTHER_RUN)


def needs_of(error: BaseException) -> dict[str, Any]:
    """With what it is worth a new attempt: what the error, or one that it comes from, needs; else there is nothing."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(needs := getattr(seen, "needs", None), dict) and needs:
            return needs
        if isinstance(seen, OSError) and seen.errno in FULL:
            return ANOTHER_RUN
        seen = seen.__cause__ or seen.__context__
    return {}


def may_pass(error: BaseException) -> bool:
    """Whether another run may end otherwise: memory was short, the machine's or a GPU's, or something was missing."""
    return isinstance(error, MemoryError) or "out of memory" in words(error) or bool(needs_of(error))


def failure_among(flags: Iterable[str]) -> Outcome | None:
    """How the first did that did not end well, of the artifacts that a command's flags name; None where all did."""
    for flag in flags:
        if flag[:1] not in "{[" and is_artifact(Path(flag)) and (found := read(Path(flag))).status != OK:  # no JSON
            return found
    return None


def is_artifact(path: Path) -> bool:
    """Whether a path is an artifact folder, whatever its outcome."""
    return (path / "outcome.json").is_file()
