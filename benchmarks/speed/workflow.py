"""The whole workflow on its smoke tier: cold, again with nothing to do, and the start of Python in each of its jobs."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.data.raw import DOWNLOADS
from benchmarks.jobs import outcome
from benchmarks.jobs.outcome import OK
from benchmarks.jobs.source import ROOT
from benchmarks.speed.clock import Case, Clock, Group, whole

PARTS = ("sgn", "baselines", "benchmarks", "rules", "config", "profiles")
COLD, WARM, START = "cold", "nothing to do", "starts of Python"


def groups(tier: str, rounds: int) -> list[Group]:
    """One: a tier's config, run in a folder of its own."""
    return [Group("the whole workflow", {"tier": tier}, rounds=rounds)]


def cases(device: str, tier: str) -> list[Case]:
    """The workflow chooses its device by itself. A cold run begins without results and cache.

    Raises RuntimeError where a dataset of the tier is not available.
    """
    holder = tempfile.TemporaryDirectory()  # goes with the process that times
    folder = Path(holder.name)
    for part in PARTS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    asked = yaml.safe_load((folder / "config" / f"{tier}.yaml").read_text(encoding="utf-8"))
    mirror = Path(os.environ.get("SGN_MIRROR") or asked["mirror"] or DOWNLOADS)
    # raw files lie where they do for us; jobs that take turns on a GPU take them among themselves
    environment = os.environ | {"PYTHONPATH": holder.name, "SGN_MIRROR": str(mirror.resolve()), "TMPDIR": holder.name}
    if DOWNLOADS.is_dir():
        (folder / DOWNLOADS).symlink_to(DOWNLOADS.resolve())

    def call(*command: str) -> None:
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)

    def workflow() -> None:
        call(sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", f"config/{tier}.yaml")
        for dataset in folder.glob("results/*/data/*"):
            if (end := outcome.read(dataset)).status != OK:
                raise RuntimeError(f"the workflow ran without {dataset.name}, so its time is of another: {end.reason}")

    def cold(clock: Clock) -> list[float]:
        for made in ("results", "cache", ".snakemake"):
            shutil.rmtree(folder / made, ignore_errors=True)
        return whole(workflow)(clock)

    def starts() -> None:
        for _ in folder.glob("results/*/*/**/provenance.json"):
            call(sys.executable, "-c", "import benchmarks.worker, benchmarks.train")

    return [
        Case(COLD, cold, unit="workflow"),
        Case(WARM, whole(workflow), unit="workflow"),
        Case(START, whole(starts), unit="workflow"),
    ]
