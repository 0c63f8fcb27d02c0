"""Verb `check-controls`: whether the controls hold; the exit status is what a flattering tier ends with."""

from pathlib import Path

import pandas as pd

from benchmarks.analysis import controls, records
from benchmarks.analysis.controls import FAILS, ORACLE, UNCHECKED
from benchmarks.jobs.outcome import OK
from benchmarks.training.variants import CONTROLS


def run(records_of: list[Path], workflow: str, output: Path, families_of: list[Path] = []) -> int:  # noqa: B006
    """Print a line a control, what failed first, and write them to `output`; returns 1, without it, if one failed."""
    found = records.load(records_of, [], workflow, families_of)
    judged = controls.judged(found.controls)
    lines = list(controls.sentences(judged.sort_values("verdict", key=lambda verdict: verdict != FAILS, kind="stable")))
    lines += _without_runs(found.outcomes)
    for folder in families_of:
        if folder.name in found.families:
            lines += _without_runs(found.families[folder.name].lost)
        else:
            lines.append(f"{UNCHECKED}: {folder.name}: it has no records")
    failed = int((judged["verdict"] == FAILS).sum())
    head = f"{failed} of {len(judged)} controls fail (family-wise level {controls.LEVEL:.1%})."
    print("\n".join([head, *lines]))
    if failed:
        print("The results are there, and are not to be trusted before this is understood.")
        return 1
    output.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return 0


def _without_runs(outcomes: pd.DataFrame) -> list[str]:
    spoilt = outcomes["variant"].isin(CONTROLS) | (outcomes["model"] == ORACLE)
    lost = outcomes[(outcomes["status"] != OK) & spoilt]
    return [f"{UNCHECKED}: {row.dataset}: {row.model}, {row.variant}: {row.reason}" for row in lost.itertuples()]
