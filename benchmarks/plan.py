"""Verb `plan`: what a run will take on this machine, before it starts: jobs, time, memory, disk, downloads.

What is there already does not count.
"""

import json
from pathlib import Path

from benchmarks.jobs import system
from benchmarks.planning import machine
from benchmarks.planning.forecast import commands, dry_run, estimate, probe, work

REFERENCE = Path("results/reference/default@epyc-2core")


def run(config: Path = Path("config/default.yaml"), reference: Path = REFERENCE) -> None:
    """Print what the workflow would do with `config` now, and what that takes here, as measured in `reference`."""
    from benchmarks.planning.config import check
    from benchmarks.planning.configfile import read

    if not config.is_file():
        raise SystemExit(f"there is no {config} here: call from the repository's root, or name another --config")
    asked = read(config)
    check(asked)
    if why := system.refused(cache := system.cache_of_snakemake()):
        raise SystemExit(
            f"{cache} cannot be written ({why}), and Snakemake needs it: set XDG_CACHE_HOME to one that can"
        )
    measured = json.loads((reference / "provenance.json").read_text(encoding="utf-8"))
    jobs = [work(command) for command in commands(dry_run(config))]
    at_once = machine.jobs_at_once(asked["threads"])
    for line in estimate(jobs, measured, probe(asked["threads"]), at_once):
        print(line)
    for fact in machine.data(asked, full=False):
        if "missing" in fact.text:
            print(f"data: {fact.text}")
