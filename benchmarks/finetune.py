"""Verb `finetune`: a recipe pretrained and fine-tuned on each split with its frozen hyper-parameters, once a seed."""

from pathlib import Path

from benchmarks.data.storage import read_json
from benchmarks.jobs.progress import Progress
from benchmarks.training.finetuning import Finetuning
from benchmarks.training.reading import opened
from benchmarks.training.recipes import Recipe
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
    search: Path | None = None,
) -> None:
    """Fine-tune with what `search` found, or the default hyper-parameters; write every text's states by split."""
    best = read_json(search / "best.json") if search else {split: {"params": {}} for split in splits}
    progress = Progress(len(splits) * len(seeds), "fine-tuning")
    encoder = opened(recipe, encoded, cache, torch_device(device))
    for split in splits:
        tuning, made = Finetuning(data, split, encoder), {}
        for seed in seeds:
            made[seed] = tuning.states(best[split]["params"], seed, progress.tell)
            progress.step(f"split {split}, seed {seed}")
        tuning.save(made, output / split)
