"""Verb `each`: another verb for each cell of a family of datasets, in one process.

A family is one dataset file under many options (a grid of a synthetic network's dials, a series of cut-offs). Its cells
are small, and starting Python for each would cost more than the cells themselves.
"""

import json
import shutil
import traceback
from pathlib import Path
from typing import Any

from benchmarks.data.grid import cells
from benchmarks.jobs import flags, seal
from benchmarks.jobs.outcome import (
    FAILED,
    LOSSES,
    OK,
    AllLostError,
    NotApplicableError,
    NotAvailableError,
    Outcome,
    failure_among,
    needs_of,
    said,
)
from benchmarks.jobs.progress import Progress


def run(
    grid: dict[str, list[Any]],
    output: Path,
    command: list[str],
    options: dict[str, Any] = {},  # noqa: B006  read only
    sealed_output: Path | None = None,
    after: list[Path] = [],  # noqa: B006  read only
) -> None:
    """Run `command` (a verb and its flags, but for the outputs) once a cell of `grid`, into `output`/<cell>.

    In the flags, {cell} stands for the cell's name, {split} for the split among `options` and its own, and {options}
    for the others as JSON. `after` names the artifacts that the command reads: where one of them has failed, so has
    this. A cell that fails, or that reads one that did, loses itself alone, and its `outcome.json` says why. Raises
    AllLostError where none is left.
    """
    verb, *asked = command
    if verb != "prepare":  # which alone reads raw files and seals labels
        seal.close()
    found = cells(grid)
    progress = Progress(len(found), "cell")
    ends = {}
    for cell, own in found.items():
        dials = options | own
        split = str(dials.pop("split"))
        given = [
            part.replace("{cell}", cell).replace("{split}", split).replace("{options}", json.dumps(dials))
            for part in asked
        ]
        folders = {"--output": output / cell} | ({"--sealed-output": sealed_output / cell} if sealed_output else {})
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        ends[cell] = failure_among(given) or _ended(verb, given, folders, output)
        ends[cell].write(output / cell)
        progress.step(cell if ends[cell].status == OK else f"{cell} {FAILED}: {ends[cell].reason}")
    if all(end.status != OK for end in ends.values()):
        needs = next((end.needs for end in ends.values() if end.needs), {})
        raise AllLostError(f"all {len(ends)} cells failed; the first: {next(iter(ends.values())).reason}", needs)


def _ended(verb: str, given: list[str], folders: dict[str, Path], output: Path) -> Outcome:
    """Run a verb into `folders`, which are empty where it raises. What is not available is so for the whole family."""
    try:
        flags.call(verb, [*given, *(part for flag, folder in folders.items() for part in (flag, str(folder)))])
    except (NotAvailableError, NotApplicableError):
        raise
    except LOSSES as error:
        traceback.print_exc()
        for folder in folders.values():
            shutil.rmtree(folder)
            folder.mkdir()
        origin = output.with_name(output.name.partition(".part-")[0])  # the supervisor moves it there
        return Outcome(FAILED, said(error), str(origin), needs_of(error))
    return Outcome(OK)
