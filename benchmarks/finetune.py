"""Verb `finetune`: a recipe fine-tuned on a split with its frozen hyper-parameters, once a seed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import cache as caching
from benchmarks import weights
from benchmarks.cache import fingerprint
from benchmarks.encode import activations, load_tokens, reader, weights_hash
from benchmarks.progress import Progress
from benchmarks.source import code_hash
from benchmarks.storage import load_graph, load_split, load_task, read_json
from benchmarks.views import arithmetic, torch_device
from sgn.encoder import Classifier, Config, finetune, method_of
from sgn.fit import EarlyStopping


def run(
    data: Path,
    encoded: Path,
    recipe: dict[str, Any],
    split: str,
    seeds: list[int],
    cache: Path,
    device: str,
    output: Path,
    search: Path | None = None,
) -> None:
    """Fine-tune with the hyper-parameters that `search` found, or the default ones, and write every text's states."""
    tuning = Finetuning(data, encoded, recipe, split, cache, device)
    params = read_json(search / "best.json")["params"] if search else {}
    progress = Progress(len(seeds), "seed")
    made = {}
    for seed in seeds:
        made[seed] = tuning.states(params, seed, progress.tell)
        progress.step(f"seed {seed}")
    tuning.save(made, output)


class Finetuning:
    """Fine-tunes a recipe on one split; each result is cached."""

    def __init__(self, data: Path, encoded: Path, recipe: dict[str, Any], split: str, cache: Path, device: str) -> None:
        graph, self.recipe, self.cache = load_graph(data), recipe, cache
        self.known = load_split(data, split, len(graph))
        self.view = self.known.view(graph, load_task(data))
        self.defaults = {"lr": recipe["lr"]} if "lr" in recipe else {}
        tokens, self.index = load_tokens(encoded)
        pretrained = weights.load(recipe["weights"], weights_hash(encoded))
        self.device = torch_device(device)
        self.reader = reader(pretrained, recipe, self.device)
        self.below = activations(pretrained, tokens, recipe, cache, self.device)
        visible = torch.ones(len(graph), dtype=torch.bool)
        visible[self.known.hidden] = False
        self.visible_index = self.index[visible]
        self.key = fingerprint(
            code_hash("sgn.encoder", "benchmarks.finetune"),
            pretrained.sha256,
            tokens.flat.numpy(),
            tokens.bounds.numpy(),
            self.index.numpy(),
            pretrained.architecture,
            self.known.fingerprint,
            vars(self.view.task),
            {key: value for key, value in recipe.items() if key != "trials"},  # more trials keep those that there are
            arithmetic(self.device),
        )

    def fit(self, params: dict[str, Any], seed: int, tell: Callable[[str], None]) -> tuple[Classifier, float]:
        """A fine-tuned classifier and its validation score."""
        recipe = self.recipe
        fixed = {"method": method_of(recipe["finetune"]), "texts": recipe["texts"], "epochs": recipe["epochs"]}
        config = Config(**fixed, **(self.defaults | params))
        report = EarlyStopping(recipe["epochs"], recipe["patience"], tell)
        args = (self.reader, self.below, self.visible_index, self.view, seed, report, self.device)
        return finetune(config, *args), report.best_score

    def states(
        self, params: dict[str, Any], seed: int, tell: Callable[[str], None], fitted: Classifier | None = None
    ) -> dict[str, np.ndarray]:
        """States [U, H] and logits [U, K] of the distinct texts, from the cache, from `fitted`, or from a new fit."""

        def make() -> dict[str, np.ndarray]:
            states, logits = (fitted or self.fit(params, seed, tell)[0]).read(self.below, self.device)
            return {"states": states.numpy(), "logits": logits.numpy()}

        return caching.arrays(self.cache, "finetuned", fingerprint(self.key, params, seed), make)

    def save(self, made: dict[int, dict[str, np.ndarray]], output: Path) -> None:
        """Write `states.npz`, bound to the split by its fingerprint."""
        arrays = {f"seed={seed}/{name}": one[name] for seed, one in made.items() for name in ("states", "logits")}
        np.savez(
            output / "states.npz",
            split=np.array(self.known.name),
            fingerprint=np.array(self.known.fingerprint),
            index=self.index.numpy(),
            **arrays,  # type: ignore[arg-type]
        )
