"""Verb `encode`: a dataset's texts to tokens and frozen states, once for all recipes that read alike."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import cache as caching
from benchmarks.data.cache import fingerprint
from benchmarks.data.storage import load_graph, write_json
from benchmarks.jobs.outcome import NO_TEXT, NotApplicableError
from benchmarks.jobs.source import code_hash
from benchmarks.training import weights
from benchmarks.training.reading import activations, reader, trained
from benchmarks.training.recipes import reading
from benchmarks.training.views import arithmetic, torch_device
from sgn.encoder import distinct, read_states, tokenize


def run(data: Path, recipe: dict[str, Any], cache: Path, device: str, output: Path) -> None:
    """Write tokens and the untrained Transformer's states.

    On their way lie the activations below the layers that the recipe trains: they go to the cache for `finetune`.
    """
    graph = load_graph(data)
    if not any(graph.texts):
        raise NotApplicableError(NO_TEXT)
    texts, index = distinct(graph.texts)
    pretrained = weights.load(recipe["weights"], recipe.get("sha256"))
    tokens = tokenize(pretrained.tokenizer, texts, recipe["tokens"])
    np.savez(output / "tokens.npz", flat=tokens.flat.numpy(), bounds=tokens.bounds.numpy(), index=index.numpy())
    write_json(output / "weights.json", {"name": recipe["weights"], "sha256": pretrained.sha256})

    where = torch_device(device)

    def read(recipe: dict[str, Any]) -> np.ndarray:
        layers = trained(recipe, pretrained)
        below = activations(pretrained, tokens, layers, recipe, cache, where)

        def make() -> dict[str, np.ndarray]:
            return {"states": read_states(reader(pretrained, recipe, where), below, where).cpu().numpy()}

        of = (pretrained.sha256, pretrained.architecture, layers, reading(recipe), arithmetic(where))
        code = code_hash("benchmarks.training.reading", computes=True)
        key = fingerprint(code, *of, tokens.flat, tokens.bounds)
        return caching.arrays(cache, "frozen", key, make)["states"]

    try:
        states = read(recipe)
    except ValueError as error:  # of layers that cannot be trained: the job that would train them fails, others read on
        print(error)
        states = read(recipe | {"finetune": "frozen"})
    np.savez(output / "states.npz", states=states, index=index.numpy())
    lengths = tokens.lengths().double()
    print(f"{len(index)} texts, {len(texts)} distinct, {lengths.mean():.1f} tokens on average")
