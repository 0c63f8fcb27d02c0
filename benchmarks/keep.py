"""Verb `keep`: what a tier's run measured, for committing: records, tables, figures, timings, how they came about."""

import json
import shlex
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from snakemake.utils import update_config

from benchmarks.analysis import people
from benchmarks.data.storage import write_json
from benchmarks.jobs import checksums
from benchmarks.planning.config import check
from benchmarks.planning.configfile import read
from benchmarks.planning.forecast import commands, dry_run, flags_of, probe, threads_of, work

MACHINE = ("commit", "processor", "cores", "threads", "platform", "python", "libraries")


def run(results: Path, output: Path, config: list[Path] = []) -> None:  # noqa: B006  read only
    """Copy `results` (results/<tier>) to `output` (results/reference/<tier>@<machine>), replacing what is there.

    Only what `config` (config/<tier>.yaml, or several files as the workflow got them) asks for counts, with what the
    first of several files, the first two, and so on ask for by themselves: the timings of a tier beside larger ones.
    What earlier configs left in `results` stays behind. Numbers of code that no commit holds, those that were made
    otherwise than `config` asks, damaged ones, timings at other sizes, and what shows few students of a real dataset
    are refused.

    `provenance.json` tells commits (several, where code that a step does not use changed between runs), machine and
    versions, the SHA-256 of the weights that texts were read with (by name; several where they differ), each verb's
    jobs with their size, seconds and highest memory, a probe of this machine, and the gigabytes of cache and results:
    what `sgn plan` reckons with. Raises SystemExit when the tier has not been run to its end.
    """
    asked: dict[str, Any] = {}
    records: list[Path] = []
    timings: dict[Path, None] = {}  # of several configs, each once
    drawn: dict[str, None] = {}
    parts = config or [Path("config") / f"{results.name}.yaml"]
    for part in parts:
        update_config(asked, read(part))
        check(asked)
        timing = asked["timing"]
        check_sizes(results / timing["folder"] / "records", timing["suites"])
        suites = [*timing["suites"], *(f"cost-{dataset}" for dataset in timing["cost"])]
        records = [Path("records") / name for name in asked["datasets"]]
        timings |= dict.fromkeys(Path(timing["folder"]) / "records" / name for name in suites)
        drawn |= dict.fromkeys([*_drawn("", asked), *_drawn(f"{timing['folder']}/", timing)])
    needed: list[Path | str] = [*(folder / "provenance.json" for folder in [*records, *timings]), *drawn]
    if absent := [str(path) for path in needed if not (results / path).is_file()]:
        raise SystemExit(f"{results} has no {', '.join(absent)}: run the workflow first")
    if output.exists() and not (output / "provenance.json").exists():
        raise SystemExit(f"{output} is there and is no reference: name another folder")
    own = [folder for folder in timings if folder.parts[0] == next(iter(timings)).parts[0]]  # not at larger sizes
    made_of = _made_of(results / folder for folder in [*records, *own])
    check_code(made_of)
    check_config(made_of, parts)
    provenance = _summary(_ran(made_of))
    provenance["weights"] = _weights(made_of)
    provenance["probe"] = probe(asked["threads"])
    provenance["gigabytes"] = {"cache": _gigabytes(Path("cache")), "results": _gigabytes(results)}
    check_people([results / folder for folder in records], results / "figures" / "networks.svg")
    shutil.rmtree(output, ignore_errors=True)
    for folder in [*records, *timings]:
        shutil.copytree(results / folder, output / folder, ignore=shutil.ignore_patterns(".snakemake*"))
    for file in drawn:
        (output / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(results / file, output / file)
    write_json(output / "provenance.json", provenance)


def check_sizes(records: Path, suites: dict[str, dict[str, Any]]) -> None:
    """Raise SystemExit for a suite that was timed at other sizes than the config has now."""
    for suite, sizes in suites.items():
        if (file := records / suite / "provenance.json").is_file():
            command = shlex.split(json.loads(file.read_text(encoding="utf-8"))["command"])
            if (measured := json.loads(command[command.index("--sizes") + 1])) != sizes:
                raise SystemExit(
                    f"{records / suite} was timed at {measured}, and the config has {sizes}: time it again"
                )


def check_code(made_of: dict[Path, dict[str, Any]]) -> None:
    """Raise SystemExit, with the files, where artifacts are damaged or steps ran code that no commit holds."""
    listed = [folder for folder in made_of if (folder / checksums.FILE).exists()]
    if damaged := [wrong for folder in listed if (wrong := checksums.damage(folder))]:
        raise SystemExit("\n".join(damaged))
    lacking: dict[str, int] = defaultdict(int)
    for job in _ran(made_of):
        if job["commit"].endswith("+") or not job["commit"]:
            for file in job.get("uncommitted") or ["(files of which it is not known)"]:
                lacking[file] += 1
    if lacking:
        files = "".join(f"\n  {file} ({count} steps)" for file, count in sorted(lacking.items()))
        raise SystemExit(f"steps ran code that no commit holds: commit, and run again{files}")


def check_config(made_of: dict[Path, dict[str, Any]], configs: list[Path]) -> None:
    """Raise SystemExit, with the flags, where steps were called otherwise than `configs`, or the first of them, ask."""
    asked: dict[str, dict[str, list[str]]] = {}
    for count in range(1, len(configs) + 1):
        for command in commands(dry_run(*configs[:count], everything=True)):
            flags = flags_of(command) | {"--threads": [threads_of(command)]}
            if "--output" in flags:
                asked[flags["--output"][0]] = flags
    differences: dict[str, int] = defaultdict(int)
    for job in _ran(made_of):
        found = flags_of(job["command"]) | {"--threads": [str(job["threads"])]}
        planned = asked.get(found["--output"][0], found)
        for flag in sorted(found.keys() | planned.keys()):
            ours, theirs = (shlex.join(flags.get(flag, ["(not given)"])) for flags in (found, planned))
            if ours != theirs:
                differences[f"{job['command'].split()[1]} {flag}: {ours}, and the config asks for {theirs}"] += 1
    if differences:
        lines = "".join(f"\n  {line} ({count} steps)" for line, count in differences.items())
        raise SystemExit(f"results were made otherwise than {shlex.join(map(str, configs))} asks: run it again{lines}")


def _ran(made_of: dict[Path, dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps that ran, each once."""
    return [job for job in {job["command"]: job for job in made_of.values()}.values() if "skipped" not in job]


def check_people(records: list[Path], networks: Path) -> None:
    """Raise SystemExit where `records` folders or a figure of `networks` show single students of a real dataset."""
    found = [breach for folder in records for breach in people.breaches(folder)]
    shown = people.drawn(networks) if networks.is_file() else []
    found += [
        f"{networks} draws the nodes of {folder.name}"
        for folder in records
        if folder.name in shown and people.real(json.loads((folder / "card.json").read_text(encoding="utf-8")))
    ]
    if found:
        raise SystemExit(
            "\n".join(found) + "\nnot kept, for real students are shown in groups of "
            f"{people.FEWEST} and more only: score again, with larger test sides where a whole one is too small"
        )


def _drawn(below: str, asked: dict[str, Any]) -> list[str]:
    """Files of the tables and figures that an entry of the config names."""
    suffixes = {"tables": (".csv", ".md", ".tex"), "figures": (".svg", ".pdf", ".png")}
    return [f"{below}{kind}/{name}{end}" for kind, ends in suffixes.items() for name in asked[kind] for end in ends]


def _made_of(folders: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """Provenance of some artifacts and of all that they were made of, as the commands that made them tell."""
    pending, found = list(folders), dict[Path, dict[str, Any]]()
    while pending:
        folder = pending.pop()
        if folder not in found and (folder / "provenance.json").is_file():
            found[folder] = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
            pending += [Path(word) for part in shlex.split(found[folder]["command"]) for word in _words(part)]
    return {folder: found[folder] for folder in sorted(found)}


def _words(part: str) -> Iterator[str]:
    """A word of a command, or those that it holds as JSON."""
    try:
        pending = [json.loads(part)]
    except json.JSONDecodeError:
        pending = [part]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            pending += value.values() if isinstance(value, dict) else value


def _summary(ran: list[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {key: [] for key in MACHINE}
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
                "size": sum(work(job["command"]).size for job in jobs),
                "seconds": round(sum(job["seconds"] for job in jobs)),
                "peak_gigabytes": max(job["peak_gigabytes"] for job in jobs),
            }
            for verb, jobs in verbs.items()
        },
    }


def _weights(folders: Iterable[Path]) -> dict[str, str | list[str]]:
    """SHA-256 of the pretrained weights that texts were read with, by the model's name; a list where they differ."""
    files = (file for folder in folders for file in folder.glob("**/weights.json"))
    found: dict[str, set[str]] = defaultdict(set)
    for one in (json.loads(file.read_text(encoding="utf-8")) for file in files):
        found[one["name"]].add(one["sha256"])
    return {name: min(seen) if len(seen) == 1 else sorted(seen) for name, seen in sorted(found.items())}


def _gigabytes(folder: Path) -> float:
    return round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9, 2)
