"""Verb `encode`: a dataset's texts to tokens and frozen states, once for all recipes that read alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.data.storage import load_graph
from benchmarks.jobs.outcome import NO_TEXT, NotApplicableError
from benchmarks.training.reading import written
from benchmarks.training.recipes import Recipe
from benchmarks.training.views import torch_device


def run(data: Path, recipe: Recipe, cache: Path, device: str, output: Path) -> None:
    """Write tokens and the untrained Transformer's states.

    On their way lie the activations below the layers that the recipe trains: they go to the cache for `finetune`.
    """
    texts = load_graph(data).texts
    if not any(texts):
        raise NotApplicableError(NO_TEXT)
    encoder = written(recipe, texts, output, cache, torch_device(device))
    try:
        states = encoder.states()
    except ValueError as error:  # of layers that cannot be trained: the job that would train them fails, others read on
        print(error)
        states = replace(encoder, recipe=recipe.reading).states()
    np.savez(output / "states.npz", states=states, index=encoder.index.numpy())
    lengths = encoder.tokens.lengths().double()
    print(f"{len(texts)} texts, {len(lengths)} distinct, {lengths.mean():.1f} tokens on average")
