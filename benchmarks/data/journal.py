"""A study's journal on disk, in Optuna's format, with the checksums of its beginnings beside it.

Behind each finished trial a line of `<journal>.sums` has the journal's length by then and the SHA-256 of all of it.
What no line vouches for is dropped: the rest of a write that a kill broke off, or all from the first damage on.
"""

import hashlib
import itertools
import os
import sys
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from benchmarks.data.cache import USED


def read(journal: Path) -> dict[int, FrozenTrial]:
    """Journaled trials by their number, which is not their place where several processes finish trials."""
    USED.add(f"{journal.parent.name}/{journal.stem}")
    return {trial.user_attrs["number"]: trial for trial in _open(journal).trials}


def add(journal: Path, trial: FrozenTrial) -> None:
    """Journal a finished trial."""
    _open(journal).add_trial(trial)
    written = journal.read_bytes()
    with _sums(journal).open("a", encoding="utf-8") as sums:
        sums.write(f"{len(written)} {hashlib.sha256(written).hexdigest()}\n")
        sums.flush()
        os.fsync(sums.fileno())


def _open(journal: Path) -> optuna.Study:
    """The journaled study; what a kill left is dropped, the journal's own lock, too, and what is damaged is named."""
    for left in journal.parent.glob(f"{journal.name}.lock*"):
        left.unlink()
    if journal.exists():
        _trim(journal)
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return optuna.create_study(storage=storage, study_name="study", direction="maximize", load_if_exists=True)


def _trim(journal: Path) -> None:
    """Cut the journal, and the list of its checksums, to what they vouch for."""
    sums, written = _sums(journal), journal.read_bytes()
    told = sums.read_bytes() if sums.exists() else b""
    lines = told.splitlines(keepends=True)
    sound = list(itertools.takewhile(lambda line: _vouches(line, written), lines))
    length = int(sound[-1].split()[0]) if sound else 0
    if len(sound) < len([line for line in lines if line.endswith(b"\n")]):
        print(f"{journal} is damaged after trial {len(sound)}: what follows is tried anew", file=sys.stderr, flush=True)
    for file, kept in ((journal, length), (sums, sum(map(len, sound)))):  # cut, and not written: a disk may be full
        if file.exists() and kept < file.stat().st_size:
            os.truncate(file, kept)


def _vouches(line: bytes, written: bytes) -> bool:
    """Whether a line tells the checksum of a beginning of what is written."""
    length, _, expected = line.decode(errors="replace").partition(" ")
    if not length.isdecimal() or int(length) > len(written):
        return False
    return expected == hashlib.sha256(written[: int(length)]).hexdigest() + "\n"


def _sums(journal: Path) -> Path:
    return journal.with_name(f"{journal.name}.sums")
