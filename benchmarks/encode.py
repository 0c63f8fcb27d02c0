"""Verb `encode`: a dataset's texts to tokens and to the frozen states of a recipe, once a dataset."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import nn

from benchmarks import cache as caching
from benchmarks import weights
from benchmarks.cache import fingerprint
from benchmarks.outcome import NotApplicableError
from benchmarks.progress import Progress
from benchmarks.recipes import finetuned, layers_changed, per_split
from benchmarks.source import code_hash
from benchmarks.storage import load_graph, read_json, write_json
from benchmarks.views import arithmetic, torch_device
from benchmarks.weights import Pretrained
from sgn.encoder import Reader, Reading, cut, distinct, layers_trained, method_of, read_below, read_states, tokenize


def run(data: Path, recipe: dict[str, Any], cache: Path, device: str, output: Path) -> None:
    """Write tokens, and a frozen recipe's states; the frozen layers' activations go to the cache for `finetune`."""
    graph = load_graph(data)
    if not any(graph.texts):
        raise NotApplicableError("the dataset has no text")
    texts, index = distinct(graph.texts)
    pretrained = weights.load(recipe["weights"], recipe.get("sha256"))
    tokens = tokenize(pretrained.tokenizer, texts, recipe["tokens"])
    np.savez(output / "tokens.npz", flat=tokens.flat.numpy(), bounds=tokens.bounds.numpy(), index=index.numpy())
    write_json(output / "weights.json", {"name": recipe["weights"], "sha256": pretrained.sha256})

    where = torch_device(device)
    below = activations(pretrained, tokens, trained(recipe, pretrained), recipe, cache, where)
    if not per_split(recipe):
        states = read_states(reader(pretrained, recipe, where), below, where)
        np.savez(output / "states.npz", states=states.numpy(), index=index.numpy())
    lengths = tokens.lengths().double()
    print(f"{len(index)} texts, {len(texts)} distinct, {lengths.mean():.1f} tokens on average")


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

    parts = (tokens.flat.numpy(), tokens.bounds.numpy(), arithmetic(device), rough)
    key = fingerprint(code_hash("benchmarks.encode"), pretrained.sha256, pretrained.architecture, layers, *parts)
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
