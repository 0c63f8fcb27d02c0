"""Verb `tune-recipe`: search a recipe's hyper-parameters on one split by validation.

Its trials are charged to every row that uses the recipe: such a row has as many fewer of its own.
"""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.data.cache import fingerprint
from benchmarks.data.storage import write_json
from benchmarks.finetune import Finetuning
from benchmarks.jobs.progress import Progress
from benchmarks.jobs.source import code_hash
from benchmarks.training.recipes import finetuned, trials
from benchmarks.training.study import Course, search
from sgn.encoder import SPACE, Config


def run(
    data: Path,
    encoded: Path,
    recipe: dict[str, Any],
    split: str,
    seeds: list[int],
    cache: Path,
    device: str,
    output: Path,
    shared: bool = False,
) -> None:
    """Search on the selection `seeds`; write the best hyper-parameters, all trials, and the best trial's states.

    A recipe that is pretrained and not fine-tuned has nothing to search for: no trials, and its states.
    """
    tuning = Finetuning(data, encoded, recipe, split, cache, device)
    progress = Progress(trials(recipe), "trial")
    if not finetuned(recipe):
        write_json(output / "best.json", {"params": {}, "value": None})
        write_json(output / "trials.json", [])
        tuning.save({seed: tuning.states({}, seed, progress.tell) for seed in seeds}, output)
        return

    highest = -math.inf

    def objective(params: dict[str, Any], course: Course) -> None:
        nonlocal highest
        fitted = {}
        for seed in seeds:
            fitted[seed], score = tuning.fit(params, seed, progress.tell, watch=course.watch)
            course.end(score)
        if course.score > highest:  # reading all texts takes as long as two epochs: only for what may win
            highest = course.score
            for seed, classifier in fitted.items():
                tuning.whole(params, seed, progress.tell, classifier)

    key = fingerprint(code_hash("benchmarks.tune_recipe"), tuning.key, seeds)
    best = search(
        cache / "studies" / f"{key[:32]}.log",
        SPACE,
        asdict(Config(**tuning.defaults)),
        recipe["trials"],
        seed=seeds[0],
        objective=objective,
        told=progress.step,
        shared=shared,
    )
    write_json(output / "best.json", {"params": best.params, "value": best.value})
    write_json(output / "trials.json", best.trials)
    tuning.save({seed: tuning.states(best.params, seed, progress.tell) for seed in seeds}, output)
