"""How long a run takes here, and how much memory and disk: the jobs of Snakemake's dry run, as a reference knows them.

A job's time is that of its verb in the reference, times its size against that of the reference's jobs, times how much
slower this machine is in a probe of some seconds. Sizes are what the flags tell: how many trainings with which
patience, how many texts at most through how large a Transformer, how much is cached of a text; not how large a dataset
is.
"""

import functools
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.data.grid import cells
from benchmarks.training.recipes import Recipe

TEXT_VERBS = ("encode", "tune-recipe", "finetune")
"""Verbs whose time goes into matrix products of the Transformer; the others' goes into small training steps."""
ALONE = ("timing", "cost")
"""Verbs whose jobs run while no other does."""
MINILM = (6, 384)
"""Layers and width of the reference's encoder, which stands in for one that is not here."""


@dataclass(frozen=True)
class Work:
    """What a job does: models it trains, Transformers it fine-tunes, and its size against other jobs of its verb.

    `kept` are the numbers a text that it leaves in the cache: the activations below what will be fine-tuned.
    """

    verb: str
    trainings: int = 0
    finetunings: int = 0
    size: float = 1.0
    kept: int = 0


def dry_run(*configs: Path, everything: bool = False) -> str:
    """Snakemake's plan with the jobs' commands; with those that are done, too, where `everything` is asked for."""
    call = [sys.executable, "-P", "-m", "snakemake", "--dry-run", "--printshellcmds"]
    call += ["--forceall"] * everything + ["--configfile", *map(str, configs)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout + done.stderr


def commands(dry_run: str) -> list[str]:
    """The jobs' calls of `sgn`; raises ValueError where they are not as many as the jobs that Snakemake counts."""
    found = re.findall(r"^(?:Shell command:)?\s*(sgn .*)$", dry_run, re.M)
    counted = re.search(r"^total +(\d+)", dry_run, re.M)
    targets = re.search(r"^all +(\d+)", dry_run, re.M)  # gathers files, and runs nothing
    expected = (int(counted[1]) if counted else 0) - (int(targets[1]) if targets else 0)
    if len(found) != expected:
        raise ValueError(f"Snakemake plans {expected} jobs, and {len(found)} of its lines call sgn")
    return found


def work(command: str) -> Work:
    """What a call of `sgn` does, as its flags tell."""
    verb, *_ = words = _words(command)
    flags = _flags(words[1:])
    of = functools.partial(Work, verb)
    each = len(cells(json.loads(flags.get("--cells", ["{}"])[0])))
    times = functools.partial(_times, flags)
    if verb in ("tune", "train"):
        tried = int(flags["--trials"][0]) if verb == "tune" else 1 + len(json.loads(flags.get("--variants", ["{}"])[0]))
        count = each * tried * times("--splits", "--seeds")
        return of(count, size=count * int(flags["--patience"][0]))
    if verb in TEXT_VERBS:
        recipe = Recipe.of(json.loads(flags["--recipe"][0]))
        tried = recipe.trials if verb == "tune-recipe" else 1 + recipe.folds
        count = each * tried * times("--splits", "--seeds") * (verb != "encode" and recipe.finetuned)
        kept = recipe.tokens * encoder(recipe.weights)[1] if verb == "encode" else 0
        size = _passes(verb, recipe, count) * (each if verb == "encode" else 1)
        return of(finetunings=count, size=size, kept=each * kept)
    return of(size=each)


def flags_of(command: str) -> dict[str, list[str]]:
    """Values by flag of a call of `sgn`."""
    return _flags(_words(command)[1:])


def threads_of(command: str) -> str:
    """Threads of a call of `sgn`, which stand before its verb."""
    before = shlex.split(command.split(" &> ")[0])[: -len(_words(command))]
    return before[before.index("--threads") + 1] if "--threads" in before else "1"


def _words(command: str) -> list[str]:
    """The verb and what follows it."""
    words = shlex.split(command.split(" &> ")[0])[1:]
    while words[0].startswith("--"):  # of sgn itself, before the verb
        words = words[2:]
    return words


def _flags(words: list[str]) -> dict[str, list[str]]:
    """Values by flag."""
    flags: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            flags[word] = values = []
        else:
            values.append(word)
    return flags


def _times(flags: dict[str, list[str]], *names: str) -> int:
    """Product of the numbers of values of these flags; one that is not given counts as one."""
    product = 1
    for name in names:
        product *= len(flags.get(name, [""]))
    return product


def _passes(verb: str, recipe: Recipe, finetunings: int) -> float:
    """Tokens times the weights that they pass, as far as a recipe tells."""
    layers, width = encoder(recipe.weights)
    each = recipe.tokens * width**2
    if verb == "encode":
        return each * layers
    learned = finetunings * recipe.epochs * min(recipe.changed, layers)
    if recipe.pretrain:
        learned += recipe.pretrain.epochs * recipe.pretrain.layers
    return each * recipe.texts * learned


@functools.cache
def encoder(name: str) -> tuple[int, int]:
    """Layers and width of an encoder that is here; those of MiniLM for one that is not."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # to look, not to download; before the hub's client is loaded
    from benchmarks.jobs.outcome import NotAvailableError
    from benchmarks.training import weights

    try:
        config = weights.load(name, None).model.config
    except NotAvailableError:
        print(f"{name} is not here: counted as if it were as small as MiniLM", file=sys.stderr)
        return MINILM
    return config.num_hidden_layers, config.hidden_size


def probe(threads: int) -> dict[str, float]:
    """Seconds of the processor, which other programs take none of: a product, a training step, a start of Python."""
    import resource

    import torch

    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, began = torch.get_num_threads(), children()
    subprocess.run([sys.executable, "-P", "-c", "import torch, pandas, scipy.stats"], check=True)
    start = children() - began
    torch.set_num_threads(threads)
    try:
        matrix, x = torch.randn(512, 512), torch.randn(2000, 128)
        module = torch.nn.Sequential(torch.nn.Linear(128, 128), torch.nn.ReLU(), torch.nn.Linear(128, 2))
        optimizer = torch.optim.AdamW(module.parameters())

        def step() -> None:
            optimizer.zero_grad()
            module(x).square().mean().backward()
            optimizer.step()

        taken = {"product": _least(lambda: matrix @ matrix), "step": _least(step)}
    finally:
        torch.set_num_threads(before)
    return {name: seconds / threads for name, seconds in taken.items()} | {"start": start}


def _least(call: Callable[[], object], repeats: int = 50) -> float:
    """The least processor time of a call, after one to warm up."""
    call()
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def estimate(jobs: list[Work], measured: dict[str, Any], here: dict[str, float], at_once: int) -> list[str]:
    """Lines: the jobs by verb with their minutes, then time, memory and disk of the whole."""
    slower = {name: seconds / measured["probe"][name] for name, seconds in here.items()}
    lines = [f"{'step':<12} {'jobs':>5} {'trainings':>10} {'fine-tunings':>13} {'minutes':>8} {'GB':>5}"]
    total, peak, kept = 0.0, 0.0, 0.0
    layers, width = MINILM  # the reference's encoder: what its jobs read, less the layers and once the width
    for verb in dict.fromkeys(job.verb for job in jobs):
        found = [job for job in jobs if job.verb == verb]
        seconds, memory = len(found) * here["start"], 0.0  # a table, a figure: a start of Python, and little more
        if known := measured["verbs"].get(verb):
            share = sum(job.size for job in found) / known["size"]
            seconds = share * known["seconds"] * slower["product" if verb in TEXT_VERBS else "step"]
            memory = known["peak_gigabytes"]
            kept += sum(job.kept for job in found) / (known["size"] / layers / width)
        total += seconds * (at_once if verb in ALONE else 1)
        peak = max(peak, memory)
        trainings, finetunings = sum(job.trainings for job in found), sum(job.finetunings for job in found)
        lines.append(
            f"{verb:<12} {len(found):>5} {trainings:>10,} {finetunings:>13,} {seconds / 60:>8.1f} {memory:>5.1f}"
        )
    unknown = sorted(
        {job.verb for job in jobs} - measured["verbs"].keys() - {"table", "figure", "check-controls", "summary"}
    )
    gigaflops = 2 * 512**3 / here["product"] / 1e9
    probed = (
        f"{gigaflops:.0f} GFLOP/s a job, {here['step'] * 1e3:.1f} ms a training step, {here['start']:.1f} s a start"
    )
    cache, results = kept * measured["gigabytes"]["cache"], measured["gigabytes"]["results"]
    return [
        *lines,
        f"machine: {probed}",
        *([f"too low: {', '.join(unknown)} of which the reference knows nothing"] if unknown else []),
        f"time: {total / 60 / at_once:.0f} minutes, {at_once} jobs at once",
        f"memory: {peak * at_once:.1f} GB at most",
        f"disk: {cache:.1f} GB of cache, {results:.1f} of results",
    ]
