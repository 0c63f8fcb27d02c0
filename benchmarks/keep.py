"""Verb `keep`: what a tier's run measured, for committing: records, tables, figures, and how they came about."""

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.storage import write_json

KEPT = ("records", "tables", "figures")
MACHINE = ("commit", "processor", "cores", "threads", "platform", "python", "libraries")


def run(results: Path, output: Path) -> None:
    """Copy `results` (results/<tier>) to `output` (results/reference/<tier>@<machine>), replacing what is there.

    Numbers of code that no commit holds are refused.
    `provenance.json` tells commits, machine and versions, and each verb's jobs, seconds and highest memory. Raises
    SystemExit when the tier has not been run to its end.
    """
    absent = [kind for kind in KEPT if not (results / kind).is_dir()]
    if absent:
        raise SystemExit(f"{results} has no {', '.join(absent)}: run the workflow first")
    if output.exists() and not (output / "provenance.json").exists():
        raise SystemExit(f"{output} is there and is no reference: name another folder")
    shutil.rmtree(output, ignore_errors=True)
    for kind in KEPT:
        shutil.copytree(results / kind, output / kind, ignore=shutil.ignore_patterns(".snakemake*"))
    write_json(output / "provenance.json", _summary(results))


def _summary(results: Path) -> dict[str, Any]:
    ran = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(results.rglob("provenance.json"))]
    ran = [job for job in {job["command"]: job for job in ran}.values() if "skipped" not in job]
    values: dict[str, list[Any]] = {key: [] for key in MACHINE}
    if uncommitted := [job["command"] for job in ran if job["commit"].endswith("+")]:
        raise SystemExit(f"{len(uncommitted)} steps ran code that no commit holds: commit, and run again")
    verbs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for job in ran:
        verbs[job["command"].split()[1]].append(job)
        for key, seen in values.items():
            if job[key] not in seen:
                seen.append(job[key])
    return {
        "machine": {key: seen[0] if len(seen) == 1 else seen for key, seen in values.items()},
        "verbs": {
            verb: {
                "jobs": len(jobs),
                "seconds": round(sum(job["seconds"] for job in jobs)),
                "peak_gigabytes": max(job["peak_gigabytes"] for job in jobs),
            }
            for verb, jobs in verbs.items()
        },
    }
