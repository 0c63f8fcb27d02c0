"""The search for a recipe's hyper-parameters on a split: a study by validation on selection seeds."""

import math
from dataclasses import asdict
from typing import Any

from benchmarks.data.cache import fingerprint
from benchmarks.jobs.progress import Progress
from benchmarks.jobs.source import code_hash
from benchmarks.training.finetuning import Finetuning
from benchmarks.training.study import Best, Course, search
from sgn.finetune import Classifier, space


def searched(
    tuning: Finetuning, seeds: list[int], progress: Progress, shared: bool
) -> tuple[Best, dict[int, Classifier]]:
    """The best trial, and by seed its classifiers, where it was not an earlier process that trained them.

    A recipe without trials, be it that labels do not change it, has its default hyper-parameters.
    """
    highest, kept = -math.inf, (dict[str, Any](), dict[int, Classifier]())
    if not tuning.recipe.charged:
        return Best({}, None, []), {}

    def objective(params: dict[str, Any], course: Course) -> None:
        nonlocal highest, kept
        fitted = course.run(seeds, lambda seed: tuning.fit(params, seed, progress.tell, watch=course.watch))
        if course.score > highest:
            highest, kept = course.score, (params, fitted)

    key = fingerprint(code_hash("benchmarks.training.study", computes=True), tuning.key, seeds)
    defaults = tuning.config({})
    best = search(
        tuning.cache / "studies" / f"{key[:32]}.log",
        {knob: values for knob, values in space(defaults.lr).items() if knob not in tuning.recipe.set},
        asdict(defaults),
        tuning.recipe.charged,
        seed=seeds[0],
        objective=objective,
        told=progress.step,
        shared=shared,
    )
    return best, kept[1] if kept[0] == best.params else {}
