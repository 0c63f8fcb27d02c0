"""Verb `compare-timing`: what became faster or slower between two records of timings, with intervals."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data import parquet
from benchmarks.speed.timings import ALPHA, CASE, compare

SAME = ("processor", "cores", "threads", "device", "device_name", "libraries")


def run(before: Path, after: Path, /) -> None:
    """Say of each case in both records (folders of `sgn timing`, or JSON of pytest-benchmark) how it changed.

    Ratio of the times, after over before, with an interval that holds for all cases together. No difference means
    none that these measurements could show. Raises SystemExit where the records share no case.
    """
    first, second = load(before), load(after)
    if others := differing(machine(before), machine(after)):
        print(f"measured on different machines, threads or versions ({', '.join(others)}):", file=sys.stderr)
    shared = [case for case in first if case in second]
    if not shared:
        raise SystemExit(f"{before} and {after} share no case")
    for case in shared:
        change = compare(first[case], second[case], ALPHA / len(shared))
        bounds = f"{change.ratio:.3f} [{change.low:.3f}, {change.high:.3f}]"
        print(f"{change.verdict:<13} {bounds:<24} {case}")
    if missing := set(first) ^ set(second):
        print(f"in one record only: {', '.join(sorted(missing))}", file=sys.stderr)


def load(path: Path) -> dict[str, np.ndarray]:
    """Seconds by case."""
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
        return {one["fullname"]: np.array(one["stats"]["data"]) for one in found}
    rows = parquet.read(path / "timings.parquet")
    rows = rows[rows["seconds"].notna()]
    cases = rows.groupby(CASE, sort=False, dropna=False)["seconds"]
    return {_name(key): seconds.to_numpy() for key, seconds in cases}


def machine(path: Path) -> dict[str, Any]:
    """What measured."""
    if path.is_file():
        return {"processor": json.loads(path.read_text(encoding="utf-8"))["machine_info"]["cpu"].get("brand_raw")}
    return json.loads((path / "machine.json").read_text(encoding="utf-8"))


def differing(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """What of a machine is not the same."""
    return [name for name in SAME if first.get(name) != second.get(name)]


def _name(case: tuple[Any, ...]) -> str:
    suite, group, size, way = case
    return f"{suite}: {group}{'' if pd.isna(size) else f' {size:g}'}: {way}"
