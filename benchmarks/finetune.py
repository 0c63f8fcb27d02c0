"""Verb `finetune`: a recipe pretrained and fine-tuned on each split with its frozen hyper-parameters, once a seed."""

from pathlib import Path
from typing import Any

from benchmarks.data.storage import read_json
from benchmarks.jobs.progress import Progress
from benchmarks.training.finetuning import Finetuning


def run(
    data: Path,
    encoded: Path,
    recipe: dict[str, Any],
    splits: list[str],
    seeds: list[int],
    cache: Path,
    device: str,
    output: Path,
    search: Path | None = None,
) -> None:
    """Fine-tune with what `search` found, or the default hyper-parameters; write every text's states by split."""
    best = read_json(search / "best.json") if search else {}
    progress = Progress(len(splits) * len(seeds), "fine-tuning")
    for split in splits:
        tuning = Finetuning(data, encoded, recipe, split, cache, device)
        params = best[split]["params"] if search else {}
        made = {}
        for seed in seeds:
            made[seed] = tuning.states(params, seed, progress.tell)
            progress.step(f"split {split}, seed {seed}")
        tuning.save(made, output / split)
