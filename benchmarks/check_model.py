"""Verb `check-model`: whether a model file keeps the contract of docs/adding-a-model.md."""

import sys
from pathlib import Path

from benchmarks.contract.conformance import CHECKS, FAILED
from benchmarks.jobs.modules import load
from benchmarks.jobs.outcome import LOSSES, said

NOT_CHECKED = "not checked"


def run(model: str, /, role: str = "model") -> int:
    """Check a model file (a path or an import path) and print a line a check; exit status 1 if any failed.

    `role` "control" asks less: a control has no SPACE, need not report and need not learn.
    """
    if role not in ("model", "control"):
        raise SystemExit(f"role = {role!r}; expected model or control")
    sys.path.append(str(Path.cwd()))  # as in a job: what stands beside the Snakefile can be imported
    here = Path(model)
    try:
        module = load(str(here.resolve()) if here.is_file() else model)
    except LOSSES as error:
        print(f"{FAILED:<14} the file can be imported: {said(error)}")
        return 1
    checks = [check for check in CHECKS if check.of_controls or role == "model"]
    failed, unsound = 0, False
    for check in checks:
        status, reason = (NOT_CHECKED, "mend what failed above first") if unsound else check.verdict(module)
        print(f"{status:<14} {check.name}" + (f": {reason}" if reason else ""), flush=True)
        failed += status == FAILED
        unsound = unsound or (check.first and status == FAILED)
    print(f"{model}: " + (f"{failed} of {len(checks)} checks failed" if failed else "all checks passed"))
    return int(failed > 0)
