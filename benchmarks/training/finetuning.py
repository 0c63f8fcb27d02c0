"""A recipe pretrained and fine-tuned on one split: its classifiers, and the states that they give."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.data import cache as caching
from benchmarks.data.cache import fingerprint
from benchmarks.data.storage import load_graph, load_split, load_task, write_json
from benchmarks.jobs.source import code_hash
from benchmarks.training import weights
from benchmarks.training.pretraining import load_weights, pretrain
from benchmarks.training.reading import activations, load_tokens, reader, trained, weights_hash
from benchmarks.training.recipes import finetuned
from benchmarks.training.views import arithmetic, torch_device
from sgn.encoder import method_of, read_states
from sgn.finetune import Classifier, Config, finetune, folds_of
from sgn.fit import EarlyStopping
from sgn.graph import TrainingView
from sgn.task import Task

LEARNED, OUT_OF_FOLD, HELD_OUT = "training", "training, out of fold", "validation"
"""Students on whom a head is measured: those it has learned from, the same by fits without them, and others."""

OTHERS = ("trials", "folds", "tuned_as")
"""Keys of a recipe that change none of its fine-tunings: more trials or folds keep those that there are."""


class Finetuning:
    """Pretrains and fine-tunes a recipe on one split, as far as it asks for either; each result is cached."""

    def __init__(self, data: Path, encoded: Path, recipe: dict[str, Any], split: str, cache: Path, device: str) -> None:
        graph, self.recipe, self.cache = load_graph(data), recipe, cache
        self.known = load_split(data, split, len(graph))
        self.view = self.known.view(graph, load_task(data))
        self.defaults = {"lr": recipe["lr"]} if "lr" in recipe else {}
        tokens, index = load_tokens(encoded)
        visible = torch.ones(len(graph), dtype=torch.bool)
        visible[self.known.hidden] = False
        self.visible_index = index[visible]
        self._deal(index, len(tokens))

        pretrained = weights.load(recipe["weights"], weights_hash(encoded))
        self.device = torch_device(device)
        self.below = activations(pretrained, tokens, trained(recipe, pretrained), recipe, cache, self.device)
        self.pretraining = None
        if "pretrain" in recipe:
            args = (tokens, self.visible_index, self.view, cache, self.device)
            self.pretraining = pretrain(pretrained, recipe, *args)
            pretrained.model.load_state_dict(load_weights(self.pretraining), strict=False)
        self.reader = reader(pretrained, recipe, self.device)
        self.key = fingerprint(
            code_hash("benchmarks.training.finetuning", computes=True),
            pretrained.sha256,
            tokens.flat,
            tokens.bounds,
            index,
            self.visible_index,
            pretrained.architecture,
            self.pretraining.name if self.pretraining else None,
            self.view.labels,
            self.view.train,
            self.view.validation,
            self.view.task,
            {k: v for k, v in recipe.items() if k not in OTHERS},
            arithmetic(self.device),
        )

    def _deal(self, index: torch.Tensor, texts: int) -> None:
        """Folds of training students, their texts, and where each student's row stands: hers of her fold comes last."""
        count = self.recipe.get("folds", 0)
        self.folds = folds_of(self.view.train, count) if count else []
        self.rows = [self.visible_index[fold].unique() for fold in self.folds]
        self.whole, self.index = index, index.clone()
        for fold, rows in zip(folds_of(self.known.train, count) if count else [], self.rows, strict=True):
            self.index[fold] = texts + torch.searchsorted(rows, index[fold])
            texts += len(rows)

    def fit(
        self,
        params: dict[str, Any],
        seed: int,
        tell: Callable[[str], None],
        view: TrainingView | None = None,
        watch: Callable[[float, float], None] = lambda spent, best: None,
    ) -> tuple[Classifier, float]:
        """A fine-tuned classifier and its validation score."""
        recipe = self.recipe
        fixed = {"method": method_of(recipe["finetune"]), "texts": recipe["texts"], "epochs": recipe["epochs"]}
        config = Config(**fixed, **(self.defaults | params | recipe.get("set", {})))
        report = EarlyStopping(recipe["epochs"], recipe["patience"], tell, watch)
        args = (self.reader, self.below, self.visible_index, view or self.view, seed, report, self.device)
        return finetune(config, *args), report.best_score

    def _whole(
        self, params: dict[str, Any], seed: int, tell: Callable[[str], None], fitted: Classifier | None
    ) -> dict[str, np.ndarray]:
        """States [U, H] and logits [U, K] of the distinct texts, from the cache, from `fitted`, or from a new fit."""

        def make() -> dict[str, np.ndarray]:
            states, logits = (fitted or self.fit(params, seed, tell)[0]).read(self.below, self.device)
            return {"states": states.numpy(), "logits": logits.numpy()}

        return caching.arrays(self.cache, "finetuned", fingerprint(self.key, params, seed), make)

    def states(
        self, params: dict[str, Any], seed: int, tell: Callable[[str], None], fitted: Classifier | None = None
    ) -> dict[str, np.ndarray]:
        """States [R, H] and logits [R, K] of the distinct texts, then those of each fold by a fit without its labels.

        `fitted` is what these hyper-parameters and this seed gave, where it is at hand. A recipe that is not fine-tuned
        has no head, so no logits, and the same states for every seed.
        """
        if not finetuned(self.recipe):
            return caching.arrays(self.cache, "finetuned", fingerprint(self.key), self._read)
        parts = [
            self._whole(params, seed, tell, fitted),
            *(self._fold(params, seed, tell, k) for k in range(len(self.folds))),
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _read(self) -> dict[str, np.ndarray]:
        return {"states": read_states(self.reader, self.below, self.device).cpu().numpy()}

    def _fold(self, params: dict[str, Any], seed: int, tell: Callable[[str], None], k: int) -> dict[str, np.ndarray]:
        def make() -> dict[str, np.ndarray]:
            model, _ = self.fit(params, seed, tell, self.view.without(self.folds[k]))
            states, logits = model.read(self.below.only(self.rows[k]), self.device)
            return {"states": states.numpy(), "logits": logits.numpy()}

        key = fingerprint(self.key, params, seed, [k, len(self.folds)])
        return caching.arrays(self.cache, "finetuned", key, make)

    def save(self, made: dict[int, dict[str, np.ndarray]], output: Path) -> None:
        """Write `states.npz`, bound to the split by its fingerprint, and what the head and the pretraining achieved."""
        output.mkdir(exist_ok=True)
        arrays = {f"seed={seed}/{name}": array for seed, one in made.items() for name, array in one.items()}
        np.savez(
            output / "states.npz",
            fingerprint=np.array(self.known.fingerprint),
            index=self.index.numpy(),
            **arrays,  # type: ignore[arg-type]
        )
        if finetuned(self.recipe):
            write_json(output / "heads.json", [row for seed, one in made.items() for row in self._trust(seed, one)])
        if self.pretraining:
            shutil.copy(self.pretraining / "history.json", output / "pretraining.json")

    def _trust(self, seed: int, made: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
        """How far the head can be trusted on students whom it has learned from, and on such as it has not."""
        known, logits = self.known, torch.from_numpy(made["logits"])
        asked = {LEARNED: (known.train, self.whole), HELD_OUT: (known.validation, self.whole)}
        if self.folds:
            asked[OUT_OF_FOLD] = (known.train, self.index)
        for students, (ids, index) in asked.items():
            yield {"seed": seed, "students": students} | trust(self.view.task, logits[index[ids]], known.labels[ids])


def trust(task: Task, logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Accuracy, mean probability of decisions and log-loss of logits [n, K] for labels [n], or known ones of [n, K]."""
    chances = task.link(logits)
    if task.kind == "multiclass":
        confidence, decided = chances.max(1)
        right = decided == labels
    else:
        answers, known = labels.reshape(chances.shape), labels.reshape(chances.shape) >= 0
        confidence = torch.maximum(chances, 1 - chances)[known]
        right = ((chances >= 0.5) == answers)[known]
    means = {"accuracy": right.double(), "confidence": confidence.double()}
    return {name: each.mean().item() for name, each in means.items()} | {"loss": task.loss(logits, labels).item()}
