"""A recipe's Transformer over a dataset's texts, read and cut once for whoever encodes, pretrains or fine-tunes."""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor, nn

from benchmarks.data import cache as caching
from benchmarks.data.cache import fingerprint
from benchmarks.data.storage import read_json, write_json
from benchmarks.jobs.progress import Progress
from benchmarks.jobs.source import code_hash
from benchmarks.training import weights
from benchmarks.training.recipes import Recipe
from benchmarks.training.views import arithmetic
from benchmarks.training.weights import Pretrained
from sgn.encoder import Reader, Reading, cut, distinct, number_of_layers, read_below, read_states, tokenize


@dataclass(eq=False)
class Encoder:
    """A recipe's Transformer, and the U distinct texts of a dataset's N students as it reads them.

    The weights (of hash `sha256`) are read when something first asks for a layer. Raises ValueError then for a recipe
    that changes more layers than there are, or for a model that cannot be cut there.
    """

    recipe: Recipe
    tokens: Reading  # of the U texts
    index: Tensor  # [N] each student's place among them
    sha256: str
    pretrained: Callable[[], Pretrained]
    cache: Path
    device: torch.device
    pretraining: Path | None = None  # the folder of what has changed the reader

    @cached_property
    def layers(self) -> int:
        """Top layers that the recipe changes; one more than there are for all of them and the embeddings."""
        asked, there = self.recipe.changed, number_of_layers(self.pretrained().model)
        if there < asked < inf:
            raise ValueError(f"{self.recipe.weights} has {there} layers, and the recipe changes {asked} of them")
        return int(min(asked, there + 1))

    @cached_property
    def parts(self) -> tuple[nn.Module, nn.Module]:
        """What lies below these layers, and they."""
        return cut(self.pretrained().model, self.layers)

    @property
    def bf16(self) -> bool:
        """Whether it reads in bfloat16."""
        return self.recipe.bf16(self.device.type)

    @cached_property
    def reader(self) -> Reader:
        """The layers that the recipe changes, on the device, pooled as it says."""
        return Reader(self.parts[1], self.recipe.pooling, self.bf16).to(self.device)

    @cached_property
    def below(self) -> Reading:
        """Activations below these layers, memory-mapped from the cache; the tokens where they are the whole model."""
        lower, tokens = self.parts[0], self.tokens
        if isinstance(lower, nn.Identity):
            return tokens

        def make(part: Path) -> None:
            size = self.pretrained().model.config.hidden_size
            out = open_memmap(part / "activations.npy", mode="w+", dtype=np.float32, shape=(len(tokens.flat), size))
            progress, read = Progress(len(tokens), "text"), copy.deepcopy(lower).to(self.device)
            read_below(read, tokens, torch.from_numpy(out), progress.advance, self.device, self.bf16)
            out.flush()

        code = code_hash("benchmarks.training.reading", computes=True)
        entry = caching.folder(self.cache, "activations", fingerprint(code, *self._read, self.bf16), make)
        # copy-on-write, so that torch may have the memory; nobody writes to it
        flat = np.load(entry / "activations.npy", mmap_mode="c", allow_pickle=False)
        return Reading(torch.from_numpy(flat), tokens.bounds)

    @property
    def _read(self) -> tuple[Any, ...]:
        """What activations depend on."""
        of = (self.sha256, self.pretrained().architecture, self.layers, arithmetic(self.device))
        return (*of, self.tokens.flat, self.tokens.bounds)

    @property
    def key(self) -> tuple[Any, ...]:
        """What states, and whatever learns from here on, depend on besides code."""
        return (*self._read, self.recipe.reading, self.pretraining.name if self.pretraining else None)

    def states(self) -> np.ndarray:
        """States [U, H] of the texts as the layers are now, from the cache."""

        def make() -> dict[str, np.ndarray]:
            return {"states": read_states(self.reader, self.below, self.device).cpu().numpy()}

        key = fingerprint(code_hash("benchmarks.training.reading", computes=True), *self.key)
        return caching.arrays(self.cache, "frozen", key, make)["states"]

    def trainable(self) -> tuple[Reader, Reading]:
        """The layers and the activations below them, for joint training.

        Raises ValueError for a recipe that is more, or less, than layers to train from the checkpoint's weights.
        """
        if self.recipe.pretrain or not self.recipe.finetuned or self.recipe.method != "layers":
            how = self.recipe.finetune + (" after pretraining" if self.recipe.pretrain else "")
            raise ValueError(f"joint training is of a checkpoint's own layers (top-K or full), not of {how}")
        return self.reader, self.below

    def cut_at(self, layers: int) -> "Encoder":
        """The same texts and weights, cut below another number of layers."""
        recipe = replace(self.recipe.reading, finetune=f"top-{layers}")
        return self if layers == self.layers else replace(self, recipe=recipe)

    def changed_by(self, pretraining: Path, learned: dict[str, Tensor]) -> "Encoder":
        """The same after a pretraining, which has changed weights of the layers; they are named as in the model."""
        other = copy.copy(self)
        other.pretraining, other.reader = pretraining, copy.deepcopy(self.reader)
        other.reader.top.load_state_dict(learned, strict=False)
        return other


def written(recipe: Recipe, texts: Sequence[str], output: Path, cache: Path, device: torch.device) -> Encoder:
    """Write `tokens.npz` and the hash of the weights, for `opened`."""
    different, index = distinct(texts)
    pretrained = weights.load(recipe.weights, recipe.sha256)
    tokens = tokenize(pretrained.tokenizer, different, recipe.tokens)
    np.savez(output / "tokens.npz", flat=tokens.flat.numpy(), bounds=tokens.bounds.numpy(), index=index.numpy())
    write_json(output / "weights.json", {"name": recipe.weights, "sha256": pretrained.sha256})
    return Encoder(recipe, tokens, index, pretrained.sha256, lambda: pretrained, cache, device)


def opened(recipe: Recipe, encoded: Path, cache: Path, device: torch.device) -> Encoder:
    """A recipe with the tokens that `encode` wrote, and the very weights that it read them with."""
    with np.load(encoded / "tokens.npz", allow_pickle=False) as file:
        tokens = Reading(torch.from_numpy(file["flat"]), torch.from_numpy(file["bounds"]))
        index = torch.from_numpy(file["index"])
    sha256 = read_json(encoded / "weights.json")["sha256"]
    pretrained = functools.cache(lambda: weights.load(recipe.weights, sha256))
    return Encoder(recipe, tokens, index, sha256, pretrained, cache, device)
