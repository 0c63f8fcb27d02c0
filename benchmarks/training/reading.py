"""Reading with a recipe: its tokens, the layers that it changes, and the activations below these, from the cache."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import nn

from benchmarks.data import cache as caching
from benchmarks.data.cache import fingerprint
from benchmarks.data.storage import read_json
from benchmarks.jobs.progress import Progress
from benchmarks.jobs.source import code_hash
from benchmarks.training import weights
from benchmarks.training.recipes import finetuned, layers_changed
from benchmarks.training.views import arithmetic
from benchmarks.training.weights import Pretrained
from sgn.encoder import Reader, Reading, cut, layers_trained, method_of, read_below


def trained(recipe: dict[str, Any], pretrained: Pretrained) -> int:
    """Number of top layers that a recipe changes, be it by pretraining or by fine-tuning."""
    return layers_trained(layers_changed(recipe), pretrained.model)


def reader(pretrained: Pretrained, recipe: dict[str, Any], device: torch.device) -> Reader:
    """The layers that a recipe changes, on a device, pooled as it says."""
    top = cut(pretrained.model, trained(recipe, pretrained))[1]
    return Reader(top, recipe.get("pooling"), bf16(recipe, device)).to(device)


def trainable(
    encoded: Path, recipe: dict[str, Any], cache: Path, device: torch.device
) -> tuple[torch.Tensor, Callable[[], tuple[Reader, Reading]]]:
    """Each student's place [N] among the texts, and what loads the layers to train with the activations below them.

    The latter raises ValueError for a recipe that is more, or less, than layers to train from the checkpoint's weights.
    """

    @functools.cache
    def made() -> tuple[Reader, Reading]:
        if "pretrain" in recipe or not finetuned(recipe) or method_of(recipe["finetune"]) != "layers":
            how = recipe["finetune"] + (" after pretraining" if "pretrain" in recipe else "")
            raise ValueError(f"joint training is of a checkpoint's own layers (top-K or full), not of {how}")
        tokens, _ = load_tokens(encoded)
        pretrained = weights.load(recipe["weights"], weights_hash(encoded))
        below = activations(pretrained, tokens, trained(recipe, pretrained), recipe, cache, device)
        return reader(pretrained, recipe, device), below

    return load_tokens(encoded)[1], made


def bf16(recipe: dict[str, Any], device: torch.device) -> bool:
    """Whether a recipe reads in bfloat16: left to itself, on a GPU alone, so that results do not hang on the CPU."""
    precision = recipe.get("precision", "auto")
    return device.type == "cuda" if precision == "auto" else precision == "bf16"


def activations(
    pretrained: Pretrained, tokens: Reading, layers: int, recipe: dict[str, Any], cache: Path, device: torch.device
) -> Reading:
    """Activations below the top `layers`, memory-mapped from the cache; the tokens where the top is the whole model."""
    lower, _ = cut(pretrained.model, layers)
    if isinstance(lower, nn.Identity):
        return tokens
    rough = bf16(recipe, device)

    def make(part: Path) -> None:
        size = pretrained.model.config.hidden_size
        out = open_memmap(part / "activations.npy", mode="w+", dtype=np.float32, shape=(len(tokens.flat), size))
        progress = Progress(len(tokens), "text")
        read_below(lower.to(device), tokens, torch.from_numpy(out), progress.advance, device, rough)
        out.flush()

    code = code_hash("benchmarks.training.reading", computes=True)
    parts = (tokens.flat, tokens.bounds, arithmetic(device), rough)
    key = fingerprint(code, pretrained.sha256, pretrained.architecture, layers, *parts)
    entry = caching.folder(cache, "activations", key, make)
    # copy-on-write, so that torch may have the memory; nobody writes to it
    flat = np.load(entry / "activations.npy", mmap_mode="c", allow_pickle=False)
    return Reading(torch.from_numpy(flat), tokens.bounds)


def load_tokens(encoded: Path) -> tuple[Reading, torch.Tensor]:
    """Tokens of the distinct texts, and each student's place [N] among them."""
    with np.load(encoded / "tokens.npz", allow_pickle=False) as file:
        reading = Reading(torch.from_numpy(file["flat"]), torch.from_numpy(file["bounds"]))
        return reading, torch.from_numpy(file["index"])


def weights_hash(encoded: Path) -> str:
    """SHA-256 of the weights that read these texts."""
    return read_json(encoded / "weights.json")["sha256"]
