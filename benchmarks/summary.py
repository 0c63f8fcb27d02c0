"""Verb `summary`: which cells are empty, why, and how to retry them."""

from pathlib import Path

from benchmarks.analysis import records
from benchmarks.analysis.records import Empty
from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import FAILED, OK


def run(records_of: list[Path], workflow: str, timings_of: list[Path] = []) -> int:  # noqa: B006  read only
    """Print the empty cells and the lost timings; returns 1 when one failed or was never made, else 0."""
    missing = [folder for folder in (*records_of, *timings_of) if not folder.is_dir()]
    found = records.load([folder for folder in records_of if folder not in missing], [], workflow)
    causes, total = found.empty(), len(found.outcomes)
    print(f"{total - sum(len(cause.cells) for cause in causes)} of {total} cells are filled.")
    for folder in timings_of:
        if folder not in missing and (ended := outcome.read(folder)).status != OK:
            causes.append(Empty(ended.status, ended.reason, ended.origin, workflow, [(str(folder),)]))
    for cause in [*causes, *found.short()]:
        names = ", ".join("/".join(cell) for cell in cause.cells)
        print(
            f"\n{cause.status if cause in causes else 'short of trials'}: {names}\n  why: {cause.reason}"
            + (f"\n  again: {cause.retry}" if cause.retry else "")
        )
    for folder in missing:
        print(f"\nmissing: {folder}\n  why: a job before it has not ended; see logs/\n  again: {workflow}")
    return int(bool(missing) or any(cause.status == FAILED for cause in causes))
