"""The worker of a step: runs a verb in this very process, and leaves an outcome: that it is done, or why not.

Started by `benchmarks.jobs.supervise`, which sees to all that a process cannot tell of itself.
"""

import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks.cli import call
from benchmarks.jobs.outcome import (
    FAILED,
    LOSSES,
    NOT_APPLICABLE,
    NOT_AVAILABLE,
    OK,
    NotApplicableError,
    NotAvailableError,
    Outcome,
    is_artifact,
    needs_of,
    said,
)


def work(verb: str, flags: Sequence[str]) -> int:
    """Run the verb, and write its outcome."""
    part = Path(flags[flags.index("--output") + 1])
    try:
        call(verb, flags)
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


def _tell_cache(part: Path) -> None:
    """Add the cache's entries that were used to the provenance."""
    if used := getattr(sys.modules.get("benchmarks.data.cache"), "USED", None):
        record = part / "provenance.json"
        told = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
        record.write_text(json.dumps(told | {"cache": sorted(used)}), encoding="utf-8")
