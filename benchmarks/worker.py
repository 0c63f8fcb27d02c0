"""The worker of a step: runs a verb in this very process, and leaves an outcome where it raises.

Started by `benchmarks.jobs.supervise`, which sees to all that a process cannot tell of itself.
"""

import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cli import call
from benchmarks.jobs.outcome import (
    FAILED,
    NOT_APPLICABLE,
    NOT_AVAILABLE,
    NotApplicableError,
    NotAvailableError,
    Outcome,
)


def work(verb: str, flags: Sequence[str]) -> int:
    """Run the verb, and write an outcome where it raises."""
    try:
        call(verb, flags)
    except Exception as error:
        traceback.print_exc()
        status = {NotAvailableError: NOT_AVAILABLE, NotApplicableError: NOT_APPLICABLE}.get(type(error), FAILED)
        reason = f"{type(error).__name__}: {error}" if status == FAILED else str(error)
        part = Path(flags[flags.index("--output") + 1])
        Outcome(status, reason, needs=getattr(error, "needs", ())).write(part)
        return 1
    return 0
