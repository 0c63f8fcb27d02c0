"""Verb `tune-recipe`: one search a split for a recipe's hyper-parameters, by validation.

Its trials are charged to every row that uses the recipe: such a row has as many fewer of its own.
"""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.data.cache import fingerprint
from benchmarks.data.storage import write_json
from benchmarks.jobs.progress import Progress
from benchmarks.jobs.source import code_hash
from benchmarks.training.finetuning import Finetuning
from benchmarks.training.recipes import trials
from benchmarks.training.study import Best, Course, search, tell_lost
from sgn.finetune import Classifier, Config, space


def run(
    data: Path,
    encoded: Path,
    recipe: dict[str, Any],
    splits: list[str],
    seeds: list[int],
    cache: Path,
    device: str,
    output: Path,
    shared: bool = False,
) -> None:
    """Search on the selection `seeds`; write, by split, the best hyper-parameters, all trials, the best one's states.

    A recipe without trials, be it that labels do not change it, has its default hyper-parameters, and their states.
    """
    count = trials(recipe)
    progress = Progress(len(splits) * (count or 1), "trial" if count else "default hyper-parameters, split")
    best, rows, lost = {}, [], list[str]()
    for split in splits:
        tuning = Finetuning(data, encoded, recipe, split, cache, device)
        found, fitted = Best({}, None, []), dict[int, Classifier]()
        if count:
            found, fitted = _search(tuning, recipe["trials"], seeds, cache, progress, shared)
        made = {seed: tuning.states(found.params, seed, progress.tell, fitted.get(seed)) for seed in seeds}
        tuning.save(made, output / split)
        if not count:
            progress.step(f"split {split}")
        best[split] = {"params": found.params, "value": found.value}
        rows += [{"split": split, **row} for row in found.trials]
        lost += found.lost
    write_json(output / "best.json", best)
    write_json(output / "trials.json", rows)
    tell_lost(lost, output)


def _search(
    tuning: Finetuning, trials: int, seeds: list[int], cache: Path, progress: Progress, shared: bool
) -> tuple[Best, dict[int, Classifier]]:
    """The best trial, and by seed its classifiers, where it was not an earlier process that trained them."""
    highest, kept = -math.inf, (dict[str, Any](), dict[int, Classifier]())

    def objective(params: dict[str, Any], course: Course) -> None:
        nonlocal highest, kept
        fitted = course.run(seeds, lambda seed: tuning.fit(params, seed, progress.tell, watch=course.watch))
        if course.score > highest:
            highest, kept = course.score, (params, fitted)

    key = fingerprint(code_hash("benchmarks.training.study", computes=True), tuning.key, seeds)
    settings = tuning.recipe.get("set", {})
    defaults = Config(**(tuning.defaults | settings))
    best = search(
        cache / "studies" / f"{key[:32]}.log",
        {knob: values for knob, values in space(defaults.lr).items() if knob not in settings},
        asdict(defaults),
        trials,
        seed=seeds[0],
        objective=objective,
        told=progress.step,
        shared=shared,
    )
    return best, kept[1] if kept[0] == best.params else {}
