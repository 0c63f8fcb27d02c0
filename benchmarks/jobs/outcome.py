"""How a step ended (ok, failed, not available, not applicable) and why: the `outcome.json` of every artifact folder."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from sgn.errors import NotApplicableError as NotApplicableError

OK, FAILED, NOT_AVAILABLE, NOT_APPLICABLE = "ok", "failed", "not available", "not applicable"
NO_TEXT = "the dataset has no text"
"""The reason why what reads text does not apply."""


class NotAvailableError(Exception):
    """Something from outside is missing (raw data, weights): the step cannot run here, and nobody erred.

    `needs` are the raw files (folder/name) that must lie in one place, the mirror or data/, for a new attempt.
    """

    def __init__(self, reason: str, needs: Iterable[str] = ()) -> None:
        super().__init__(reason)
        self.needs = tuple(needs)


LOSSES = (Exception, SystemExit)
"""What code that is not ours may raise, and so lose its own cells: `sys.exit()` ends a run, not the job."""


def said(error: BaseException) -> str:
    """An error in words that can be written anywhere: what is no text in it is escaped."""
    try:
        message = str(error)
    except Exception as broken:
        message = f"(its message cannot be told: {type(broken).__name__})"
    return f"{type(error).__name__}: {message}".encode(errors="backslashreplace").decode()


@dataclass(frozen=True)
class Outcome:
    """Status, the reason in words, and the artifact where it began: what to make anew after mending the cause.

    `needs` are raw files with which it is worth a new attempt, see NotAvailableError.
    """

    status: str
    reason: str = ""
    origin: str = ""
    needs: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write `folder/outcome.json`."""
        (folder / "outcome.json").write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Outcome:
    """Read `folder/outcome.json`; one that is damaged tells of a failure."""
    file = folder / "outcome.json"
    try:
        return Outcome(**json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        return Outcome(FAILED, f"{file} is damaged ({error})", str(folder))


def failure_among(flags: Iterable[str]) -> Outcome | None:
    """How the first did that did not end well, of the artifacts that a command's flags name; None where all did."""
    for flag in flags:
        if flag[:1] not in "{[" and is_artifact(Path(flag)) and (found := read(Path(flag))).status != OK:  # no JSON
            return found
    return None


def is_artifact(path: Path) -> bool:
    """Whether a path is an artifact folder, whatever its outcome."""
    return (path / "outcome.json").is_file()
