"""The worker of a step: runs a verb in this very process, and leaves an outcome: that it is done, or why not.

Started by `benchmarks.jobs.supervise`, which sees to all that a process cannot tell of itself. A step of a dataset with
a grid runs its verb once a cell: cells are small, and starting Python for each would cost more than the cells do.
"""

import itertools
import json
import shutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cli import call
from benchmarks.data.grid import cells
from benchmarks.jobs.flags import CELLS, OUTPUTS
from benchmarks.jobs.outcome import (
    FAILED,
    LOSSES,
    NOT_APPLICABLE,
    NOT_AVAILABLE,
    OK,
    AllLostError,
    NotApplicableError,
    NotAvailableError,
    Outcome,
    failure_among,
    is_artifact,
    needs_of,
    said,
)
from benchmarks.jobs.progress import Progress


def work(verb: str, flags: Sequence[str]) -> int:
    """Run the verb, and write its outcome."""
    part = Path(flags[flags.index("--output") + 1])
    try:
        _each(verb, flags) if CELLS in flags else call(verb, flags)
        _tell_cache(part)
    except LOSSES as error:
        traceback.print_exc()
        status = {NotAvailableError: NOT_AVAILABLE, NotApplicableError: NOT_APPLICABLE}.get(type(error), FAILED)
        reason = said(error) if status == FAILED else str(error)
        Outcome(status, reason, needs=needs_of(error)).write(part)
        return 1
    if not is_artifact(part):  # a verb may have more to say
        Outcome(OK).write(part)
    return 0


def _each(verb: str, flags: Sequence[str]) -> None:
    """Run a verb once a cell of the grid that its `--cells` names; a cell that fails loses itself alone.

    Of each artifact that the flags name, a cell has the folder of its own name, and its options join `--options`.
    Raises AllLostError where no cell is left.
    """
    at = flags.index(CELLS)
    found = cells(json.loads(flags[at + 1]))
    progress = Progress(len(found), "cell")
    ends = {}
    for cell, options in found.items():
        given = _of_cell([*flags[:at], *flags[at + 2 :]], cell, options)
        outputs = [Path(word) for out in OUTPUTS for flag, word in itertools.pairwise(given) if flag == out]
        for folder in outputs:
            folder.mkdir(parents=True)
        ends[cell] = failure_among(given) or _ended(verb, given, outputs)
        ends[cell].write(outputs[0])
        progress.step(cell if ends[cell].status == OK else f"{cell} {FAILED}: {ends[cell].reason}")
    if all(end.status != OK for end in ends.values()):
        needs = next((end.needs for end in ends.values() if end.needs), {})
        raise AllLostError(f"all {len(ends)} cells failed; the first: {next(iter(ends.values())).reason}", needs)


def _of_cell(flags: Sequence[str], cell: str, options: dict[str, Any]) -> list[str]:
    """Flags as they are for one cell."""
    words = []
    for flag, word in itertools.pairwise(["", *flags]):
        if flag == "--options":
            word = json.dumps(json.loads(word) | options)
        elif flag in OUTPUTS or (word[:1] not in "{[" and is_artifact(Path(word) / cell)):
            word = str(Path(word) / cell)
        words.append(word)
    return words


def _ended(verb: str, flags: Sequence[str], outputs: list[Path]) -> Outcome:
    """Run a verb into folders, which are empty where it raises. What is not available is so for every cell."""
    try:
        call(verb, flags)
    except (NotAvailableError, NotApplicableError):
        raise
    except LOSSES as error:
        traceback.print_exc()
        for folder in outputs:
            shutil.rmtree(folder)
            folder.mkdir()
        whole = outputs[0].parent
        origin = whole.with_name(whole.name.partition(".part-")[0])  # the supervisor moves it there
        return Outcome(FAILED, said(error), str(origin), needs_of(error))
    return Outcome(OK)


def _tell_cache(part: Path) -> None:
    """Add the cache's entries that were used to the provenance."""
    if used := getattr(sys.modules.get("benchmarks.data.cache"), "USED", None):
        record = part / "provenance.json"
        told = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        record.write_text(json.dumps(told | {"cache": sorted(used)}), encoding="utf-8")
