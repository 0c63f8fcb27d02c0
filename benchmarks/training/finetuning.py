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
from benchmarks.training.pretraining import pretrained
from benchmarks.training.reading import Encoder
from sgn.encoder import Reading
from sgn.finetune import Classifier, Config, finetune, folds_of
from sgn.fit import EarlyStopping
from sgn.graph import TrainingView
from sgn.task import Task

LEARNED, OUT_OF_FOLD, HELD_OUT = "training", "training, out of fold", "validation"
"""Students on whom a head is measured: those it has learned from, the same by fits without them, and others."""
Tell = Callable[[str], None]
Arrays = dict[str, np.ndarray]


class Finetuning:
    """Pretrains and fine-tunes a recipe on one split, as far as it asks for either; each result is cached."""

    def __init__(self, data: Path, split: str, encoder: Encoder) -> None:
        graph, self.recipe, self.cache = load_graph(data), encoder.recipe, encoder.cache
        self.known = load_split(data, split, len(graph))
        self.view = self.known.view(graph, load_task(data))
        visible = torch.ones(len(graph), dtype=torch.bool)
        visible[self.known.hidden] = False
        self.visible_index = encoder.index[visible]
        self._deal(encoder.index, len(encoder.tokens))
        self.encoder = pretrained(encoder, self.visible_index, self.view) if self.recipe.pretrain else encoder
        self.key = fingerprint(
            code_hash("benchmarks.training.finetuning", computes=True),
            *self.encoder.key,
            encoder.index,
            self.visible_index,
            self.view.labels,
            self.view.train,
            self.view.validation,
            self.view.task,
            self.recipe.one_fit,
        )

    def _deal(self, index: torch.Tensor, texts: int) -> None:
        """Folds of training students, their texts, and where each student's row stands: hers of her fold comes last."""
        count = self.recipe.folds
        self.folds = folds_of(self.view.train, count) if count else []
        self.rows = [self.visible_index[fold].unique() for fold in self.folds]
        self.index = index.clone()
        for fold, rows in zip(folds_of(self.known.train, count) if count else [], self.rows, strict=True):
            self.index[fold] = texts + torch.searchsorted(rows, index[fold])
            texts += len(rows)

    def config(self, params: dict[str, Any]) -> Config:
        """Hyper-parameters: the recipe's own, over those of `params`, over its defaults."""
        recipe = self.recipe
        return Config(recipe.method, recipe.texts, epochs=recipe.epochs, **({"lr": recipe.lr} | params | recipe.set))

    def fit(
        self,
        params: dict[str, Any],
        seed: int,
        tell: Tell,
        view: TrainingView | None = None,
        watch: Callable[[float, float], None] = lambda spent, best: None,
    ) -> tuple[Classifier, float]:
        """A fine-tuned classifier and its validation score."""
        report, own = EarlyStopping(self.recipe.epochs, self.recipe.patience, tell, watch), self.encoder
        args = (own.reader, own.below, self.visible_index, view or self.view, seed, report, own.device)
        return finetune(self.config(params), *args), report.best_score

    def states(self, params: dict[str, Any], seed: int, tell: Tell, fitted: Classifier | None = None) -> Arrays:
        """States [R, H] and logits [R, K] of the distinct texts, then those of each fold by a fit without its labels.

        `fitted` is what these hyper-parameters and this seed gave, where it is at hand. A recipe that is not fine-tuned
        has no head, so no logits, and the same states for every seed.
        """
        if not self.recipe.finetuned:
            return {"states": self.encoder.states()}

        def read(below: Reading, view: TrainingView, *fold: int) -> Arrays:
            def make() -> Arrays:
                model = fitted if fitted and not fold else self.fit(params, seed, tell, view)[0]
                states, logits = model.read(below, self.encoder.device)
                return {"states": states.numpy(), "logits": logits.numpy()}

            return caching.arrays(self.cache, "finetuned", fingerprint(self.key, params, seed, fold), make)

        parts = [read(self.encoder.below, self.view)]
        for k, (fold, rows) in enumerate(zip(self.folds, self.rows, strict=True)):
            parts.append(read(self.encoder.below.only(rows), self.view.without(fold), k, len(self.folds)))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def save(self, made: dict[int, Arrays], output: Path) -> None:
        """Write `states.npz`, bound to the split by its fingerprint, and what the head and the pretraining achieved."""
        output.mkdir(exist_ok=True)
        arrays = {f"seed={seed}/{name}": array for seed, one in made.items() for name, array in one.items()}
        np.savez(
            output / "states.npz",
            fingerprint=np.array(self.known.fingerprint),
            index=self.index.numpy(),
            **arrays,  # type: ignore[arg-type]
        )
        if self.recipe.finetuned:
            write_json(output / "heads.json", [row for seed, one in made.items() for row in self._trust(seed, one)])
        if self.encoder.pretraining:
            shutil.copy(self.encoder.pretraining / "history.json", output / "pretraining.json")

    def _trust(self, seed: int, made: Arrays) -> Iterator[dict[str, Any]]:
        """How far the head can be trusted on students whom it has learned from, and on such as it has not."""
        known, logits, whole = self.known, torch.from_numpy(made["logits"]), self.encoder.index
        asked = {LEARNED: (known.train, whole), HELD_OUT: (known.validation, whole)}
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
