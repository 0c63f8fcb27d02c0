"""Verb `summary`: which cells are empty, why, and how to retry them."""

from pathlib import Path

from benchmarks.analysis import records
from benchmarks.jobs.outcome import FAILED


def run(records_of: list[Path], workflow: str) -> int:
    """Print the empty cells; returns 1 when one failed, else 0."""
    found = records.load(records_of, [], workflow)
    causes, total = found.empty(), len(found.outcomes)
    print(f"{total - sum(len(cause.cells) for cause in causes)} of {total} cells are filled.")
    for cause in [*causes, *found.short()]:
        names = ", ".join("/".join(cell) for cell in cause.cells)
        print(
            f"\n{cause.status if cause in causes else 'short of trials'}: {names}\n  why: {cause.reason}"
            + (f"\n  again: {cause.retry}" if cause.retry else "")
        )
    return int(any(cause.status == FAILED for cause in causes))
