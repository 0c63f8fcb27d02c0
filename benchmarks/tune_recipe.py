"""Verb `tune-recipe`: one search a split for a recipe's hyper-parameters, by validation.

Its trials are charged to every row that uses the recipe: such a row has as many fewer of its own.
"""

from pathlib import Path

from benchmarks.jobs.progress import Progress
from benchmarks.training import study
from benchmarks.training.finetuning import Finetuning
from benchmarks.training.reading import opened
from benchmarks.training.recipes import Recipe
from benchmarks.training.searching import searched
from benchmarks.training.views import torch_device


def run(
    data: Path,
    encoded: Path,
    recipe: Recipe,
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
    count, found = recipe.charged, dict[str, study.Best]()
    progress = Progress(len(splits) * (count or 1), "trial" if count else "default hyper-parameters, split")
    encoder = opened(recipe, encoded, cache, torch_device(device))
    for split in splits:
        tuning = Finetuning(data, split, encoder)
        found[split], fitted = searched(tuning, seeds, progress, shared)
        states = {seed: tuning.states(found[split].params, seed, progress.tell, fitted.get(seed)) for seed in seeds}
        tuning.save(states, output / split)
        if not count:
            progress.step(f"split {split}")
    study.save(found, output)
