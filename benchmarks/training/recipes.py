"""What a recipe is and what its fields imply, for the plan and for the verbs alike. Imports no torch."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any, ClassVar

from benchmarks.jobs.typed import Typed, count, key, word

READING = ("weights", "tokens", "sha256", "pooling", "precision")
"""Fields that say how texts are read."""


def _matches(pattern: str) -> Any:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


@dataclass(frozen=True)
class Pretraining(Typed):
    """Self-supervision of the top `layers` by what an arm may read of a split (`benchmarks.training.pretraining`)."""

    ABOVE: ClassVar[str] = "pretrain."
    arm: str = word("train-only", "transductive", "graph")
    epochs: int = count("epochs", 1)
    layers: int = count("layers", 1)


@dataclass(frozen=True)
class Recipe(Typed):
    """A named way to use a pretrained Transformer; docs/recipes.md says what each field does."""

    PARTS: ClassVar[Mapping[str, type[Typed]]] = {"pretrain": Pretraining}
    weights: str = key("a hub name or a folder", _matches(".+"))
    tokens: int = count("tokens", 2)
    finetune: str = key(
        "frozen, top-K, full, lora-K or adalora-K, where K counts layers from the top",
        _matches("frozen|full|(top|lora|adalora)-[1-9][0-9]*"),
    )
    sha256: str | None = key("64 hexadecimal digits", _matches("[0-9a-f]{64}"), default=None)
    pooling: str | None = word("cls", "mean", "last", default=None)
    precision: str = word("auto", "fp32", "bf16", default="auto")
    pretrain: Pretraining | None = key("key: value pairs", lambda it: isinstance(it, Pretraining), default=None)
    texts: int = count("texts", 1, default=1000)
    epochs: int = count("epochs", 1, default=4)
    patience: int = count("epochs", 1, default=1)
    lr: float = key("the default learning rate, above 0", lambda lr: type(lr) in (int, float) and lr > 0, default=5e-4)
    set: dict[str, Any] = key(
        "hyper-parameters of the fine-tuning with values", lambda value: isinstance(value, dict), default_factory=dict
    )
    folds: int = count("folds", 2, default=0)
    trials: int = count("trials", 0, default=0)
    tuned_as: str | None = key("a recipe whose hyper-parameters this one takes", _matches(".+"), default=None)

    def inconsistent(self) -> Iterator[str]:
        """Layers that are pretrained are those that are fine-tuned, so that what lies below both is read once."""
        if self.pretrain and self.finetuned and self.changed not in (self.pretrain.layers, inf):
            allowed = f"{self.changed}, as in finetune = {self.finetune!r}"
            yield f"pretrain.layers = {self.pretrain.layers}; expected {allowed}"
        if self.folds and not self.finetuned:
            yield f"folds = {self.folds}; expected none: states that saw no label have nothing to hold out"
        if self.set and not self.finetuned:
            yield f"set = {self.set}; expected none: nothing is fine-tuned"
        for knob, name in (("method", "finetune"), ("texts", "texts"), ("epochs", "epochs")):
            if knob in self.set:
                yield f"set.{knob} = {self.set[knob]!r}; expected none: it is the recipe's own {name!r}"

    @property
    def finetuned(self) -> bool:
        """Whether labels change the Transformer, so that there is something to search for, and logits."""
        return self.finetune != "frozen"

    @property
    def per_split(self) -> bool:
        """Whether a split's states are its own: its labels or the choice of its texts have changed the Transformer."""
        return self.finetuned or self.pretrain is not None

    @property
    def charged(self) -> int:
        """Trials that it takes of the budget of each row that uses it."""
        return self.trials if self.finetuned else 0

    @property
    def method(self) -> str:
        """How layers learn: `sgn.finetune.Config.method`."""
        return self.finetune.split("-")[0] if "lora" in self.finetune else "layers"

    @property
    def changed(self) -> float:
        """How many of the top layers change, by pretraining or fine-tuning; infinity for all and the embeddings."""
        if not self.finetuned:
            return self.pretrain.layers if self.pretrain else 0
        return inf if self.finetune == "full" else int(self.finetune.split("-")[1])

    @property
    def reading(self) -> "Recipe":
        """How texts are read before anything is trained: recipes that read alike share tokens and frozen states."""
        return Recipe(finetune="frozen", **{name: getattr(self, name) for name in READING})

    @property
    def encoding(self) -> dict[str, Any]:
        """What `encode` is told: how texts are read, and how many layers will change; what lies below them is kept."""
        how = f"top-{self.pretrain.layers}" if self.pretrain and not self.finetuned else self.finetune
        return {name: value for name in READING if (value := getattr(self, name))} | {"finetune": how}

    @property
    def one_fit(self) -> "Recipe":
        """What each single fine-tuning depends on: with more trials or folds, those that there are stay."""
        return replace(self, trials=0, folds=0, tuned_as=None)

    def bf16(self, device: str) -> bool:
        """Whether it reads in bfloat16: left to itself, on a GPU alone, so that results do not hang on the CPU."""
        return device == "cuda" if self.precision == "auto" else self.precision == "bf16"
