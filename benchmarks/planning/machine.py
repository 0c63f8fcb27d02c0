"""What this machine is: facts about it, for `doctor` and `plan`.

Imports nothing that may be missing before it has looked whether it is there.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.jobs.source import ROOT

PYTHON = (3, 11)
"""The oldest that runs the suite."""
HASHED = 50_000_000
"""Bytes up to which a raw file is hashed without being asked to."""
NAMED = 3
"""Files that a line names."""
GIGABYTE = 1e9


@dataclass(frozen=True)
class Fact:
    """One line; `stops` means that the workflow cannot run, or not as it should, until this is mended."""

    about: str
    text: str
    stops: bool = False


def python(found: tuple[int, ...]) -> Iterator[Fact]:
    """Whether Python is new enough."""
    asked = ".".join(map(str, PYTHON))
    yield Fact("python", f"{'.'.join(map(str, found))}; {asked} or newer is needed", stops=found < PYTHON)


def packages(installed: Callable[[str], str] = version) -> Iterator[Fact]:
    """Required packages: which are missing, too old, or others than the pins of constraints.txt."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    as_pinned = 0
    for requirement in project["dependencies"]:
        name, operator, wanted = re.fullmatch(r"([\w.-]+)(?:(==|>=)([\w.]+))?", requirement).groups()  # type: ignore[union-attr]
        pin = pins[name.lower().replace("_", "-")]
        try:
            found = installed(name).split("+")[0]  # 2.13.0+cpu: a build of 2.13.0
        except PackageNotFoundError:
            yield Fact("packages", f"{name} is missing: pip install --constraint constraints.txt --editable .", True)
            continue
        as_pinned += found == pin
        if wanted and not (found == wanted if operator == "==" else _numbers(found) >= _numbers(wanted)):
            yield Fact("packages", f"{name} {found} is installed, {requirement} is required", True)
        elif found != pin:
            yield Fact("packages", f"{name} {found} is installed, {pin} is tested: numbers may differ a little")
    yield Fact("packages", f"{as_pinned} of the {len(project['dependencies'])} required are as pinned")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def hardware(config: dict[str, Any]) -> Iterator[Fact]:
    """Processor, cores, threads, memory, disk."""
    import platform

    import psutil

    from benchmarks.jobs.provenance import processor
    from benchmarks.planning.workflow import machine_memory

    yield Fact("system", platform.platform())
    yield Fact("processor", processor())
    jobs = jobs_at_once(config["threads"])
    yield Fact("cores", f"{cores()}; snakemake --cores all runs {jobs} job{'s' * (jobs > 1)} at a time")
    yield Fact("threads", f"{config['threads']} for the arithmetic of a job; results depend on it")
    memory, limits = psutil.virtual_memory(), config["limits"]
    total = machine_memory() * 1e6
    yield Fact(
        "memory",
        f"{total / GIGABYTE:.1f} GB, {min(total, memory.available) / GIGABYTE:.1f} free; a job may take "
        f"{limits['memory_mb'] / 1000:.1f} GB and {limits['minutes']} minutes",
    )
    yield Fact("disk", f"{shutil.disk_usage(Path()).free / GIGABYTE:.1f} GB free in {Path().resolve()}")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def jobs_at_once(threads: int) -> int:
    """Jobs of so many threads that the cores hold."""
    return max(1, cores() // threads)


def folders() -> Iterator[Fact]:
    """Folders outside this one that must take files: Snakemake's cache, and one for what is temporary."""
    import tempfile

    from benchmarks.jobs.system import cache_of_snakemake, refused

    if why := refused(cache := cache_of_snakemake()):
        mend = "Snakemake needs it, set XDG_CACHE_HOME to one that can"
        yield Fact("folders", f"{cache} cannot be written ({why}): {mend}", stops=True)
    try:
        taken = tempfile.gettempdir()
    except FileNotFoundError as error:
        yield Fact("folders", f"{error}: set TMPDIR to a folder that can be written", stops=True)
    else:
        asked = os.environ.get("TMPDIR", taken)
        other = "" if Path(taken) == Path(asked) else f", for TMPDIR={asked} cannot be written"
        yield Fact("folders", f"{taken} is for temporary files{other}")


def gpu() -> Iterator[Fact]:
    """The GPUs that the driver tells of, and whether torch can use one."""
    import torch

    tool, usable = shutil.which("nvidia-smi"), torch.cuda.is_available()
    found = []
    if tool:
        asked = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=20)
        found = done.stdout.splitlines() if done.returncode == 0 else []
    for line in found:
        name, memory, driver = line.split(", ")
        yield Fact("GPU", f"{name}, {memory}, driver {driver}")
    if found and not usable:
        yield Fact("GPU", f"torch {torch.__version__} cannot use it: install a torch for CUDA")
    if usable and not found:
        yield Fact("GPU", torch.cuda.get_device_name())
    if not found and not usable:
        yield Fact("GPU", "none")


def bf16(config: dict[str, Any], probe: Callable[[str, int], float] | None = None) -> Iterator[Fact]:
    """Whether products in bf16 are faster than in fp32 on the device that the config means here."""
    from benchmarks.planning.workflow import device_for
    from benchmarks.speed.peaks import speedup

    device = device_for(config["device"])
    yield Fact("device", f"{device} (device: {config['device']})")
    yield Fact("bf16", advice((probe or speedup)(device, config["threads"]), device))


def advice(ratio: float, device: str) -> str:
    """What to set `precision` of a recipe to, where bf16 products are `ratio` times as fast as those in fp32."""
    from benchmarks.speed.peaks import CLEAR

    if device.startswith("cuda"):
        says = f"{ratio:.1f} x as fast as fp32 here"
        return f"{says}: " + ("a GPU's default is right" if ratio > 1 else "set precision: fp32 in the recipes")
    if ratio >= CLEAR:
        return f"{ratio:.1f} x faster than fp32 here: use precision: bf16 in the recipes to save time"
    if ratio > 1 / CLEAR:
        return "as fast as fp32 here: leave precision as it is (fp32)"
    return f"{1 / ratio:.1f} x slower than fp32 here: leave precision as it is (fp32)"


def data(config: dict[str, Any], full: bool) -> Iterator[Fact]:
    """Where raw files are looked for, and for each dataset whether its own are there and what they should be."""
    from benchmarks.data.raw import DOWNLOADS
    from benchmarks.jobs.modules import load
    from benchmarks.planning.entries import options_of

    mirror = Path(os.environ.get("SGN_MIRROR") or config["mirror"] or DOWNLOADS)
    yield Fact("data", f"looked for in {mirror}{'' if mirror.is_dir() else ' (not there)'}, then in {DOWNLOADS}")
    for name in config["datasets"]:
        module, options = load(config["datasets"][name]["make"]), options_of(config, name)
        yield of_dataset(name, module, options, [mirror, DOWNLOADS], full)


def of_dataset(name: str, module: Any, options: dict[str, Any], places: list[Path], full: bool) -> Fact:
    """The raw files of one dataset, looked for as `prepare` does: all of them in one folder."""
    import inspect

    files: dict[str, str] = getattr(module, "FILES", {})
    if hasattr(module, "needed"):
        asked = {option: options[option] for option in inspect.signature(module.needed).parameters if option in options}
        files = {file: files[file] for file in module.needed(**asked)}
    if not files:
        return Fact("data", f"{name}: no raw file to check")
    folders = [place / module.FOLDER for place in places]
    whole = [folder for folder in folders if all((folder / file).is_file() for file in files)]
    if not whole:
        missing = [file for file in files if not (folders[-1] / file).is_file()]
        urls = getattr(module, "URLS", {})
        way = (
            "the workflow downloads them"
            if all(file in urls and files[file] for file in missing)
            else f"get them from {module.SOURCE} and put them in {folders[-1]}"
        )
        return Fact("data", f"{name}: {_named(missing)} missing; {way}")
    folder = whole[0]
    unread = [file for file in files if not files[file] or not (full or (folder / file).stat().st_size <= HASHED)]
    if wrong := [file for file in files if file not in unread and _sha256(folder / file) != files[file]]:
        return Fact(
            "data",
            f"{name}: {_named(wrong)} in {folder}: other checksum; get the right ones from {module.SOURCE}",
            stops=True,
        )
    left = f", {_named(unread)} not hashed" if unread else ""
    return Fact("data", f"{name}: {_named(list(files))} ok in {folder}{left}")


def _named(files: list[str]) -> str:
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    return ", ".join(files[:NAMED]) + more


def _sha256(file: Path) -> str:
    import hashlib

    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def weights(config: dict[str, Any]) -> Iterator[Fact]:
    """Whether each encoder can be loaded from here, and whether its weights are those that the config names."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # to look, not to download; before the hub's client is loaded
    from benchmarks.jobs.outcome import NotAvailableError
    from benchmarks.training import weights as pretrained

    for name, sha256 in dict.fromkeys((r["weights"], r.get("sha256")) for r in config["recipes"].values()):
        try:
            found = pretrained.load(name, sha256)
        except NotAvailableError as error:
            missing = "not here; the workflow fetches them from the hub" if error.__cause__ else str(error)
            yield Fact("weights", f"{name}: {missing}")
        except ValueError as error:
            yield Fact("weights", str(error), stops=True)
        else:
            agrees = "as the config says" if sha256 else "the config names none"
            yield Fact("weights", f"{name}: in {found.folder}, SHA-256 {found.sha256[:12]}…, {agrees}")


def hub() -> Iterator[Fact]:
    """Whether the hub answers; it is asked for weights that are not here."""
    import requests
    from huggingface_hub.constants import ENDPOINT

    try:
        requests.head(ENDPOINT, timeout=3)
    except requests.RequestException as error:
        yield Fact("hub", f"{ENDPOINT} does not answer ({type(error).__name__}): only what is here can be used")
    else:
        yield Fact("hub", f"{ENDPOINT} answers")
