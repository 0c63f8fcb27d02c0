"""A recipe's pretraining on a split: which texts and edges it may read, and its result from the cache."""

import copy
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.data import cache as caching
from benchmarks.data.cache import fingerprint
from benchmarks.data.storage import write_json
from benchmarks.jobs.outcome import NotApplicableError
from benchmarks.jobs.source import code_hash
from benchmarks.training.reading import Encoder
from benchmarks.training.weights import Pretrained, language_head
from sgn.encoder import Reader, Reading, structure_of
from sgn.graph import TrainingView
from sgn.pretrain import REPETITIONS, Config, Epoch, Vocabulary, contrast, language

SEED = 0
"""One pretraining a split, as there is one checkpoint: seeds vary what comes after it."""


def pretrained(encoder: Encoder, index: Tensor, view: TrainingView) -> Encoder:
    """The encoder after its recipe's pretraining, of which `history.json` and the layers' `weights.npz` are cached.

    `index` [N] is the place among its texts of each student whom the split's training view shows: nobody else's text
    is read, and no label at all.
    """
    how, tokens, device = encoder.recipe.pretrain, encoder.tokens, encoder.device
    assert how is not None
    own, config = encoder.cut_at(how.layers), Config(epochs=how.epochs)

    def over_texts(reader: Reader) -> dict[str, Any]:
        head, new = language_head(own.pretrained())
        vocabulary = vocabulary_of(own.pretrained())
        below = Reader(copy.deepcopy(own.parts[0]), bf16=own.bf16)
        curve = language(config, below, reader, head, new, fitted, held_out, vocabulary, SEED, device)
        measure = "perplexity" if vocabulary.mask is None else f"masked-token perplexity over {REPETITIONS} fixed masks"
        return _history(measure, new, curve, math.exp)

    def over_edges(reader: Reader) -> dict[str, Any]:
        curve = contrast(config, own.below, reader, index, edges, weights, unseen, SEED, device)
        return _history("contrastive loss", False, curve, lambda loss: loss)

    read: tuple[Any, ...]
    if how.arm == "graph":
        edges, weights, unseen = edges_of(index, view)
        run, read = over_edges, (index, edges, weights, unseen)
        if not len(weights):
            raise NotApplicableError("no two students who wrote different texts interact: nothing to learn from edges")
    else:
        fitted, held_out = texts_of(how.arm, tokens, index, view)
        run, read = over_texts, (fitted.flat, fitted.bounds, held_out.flat, held_out.bounds)

    def make(part: Path) -> None:
        reader = copy.deepcopy(own.reader)
        write_json(part / "history.json", {"arm": how.arm} | run(reader))
        np.savez(part / "weights.npz", **{name: w.cpu().numpy() for name, w in reader.top.state_dict().items()})

    code = code_hash("benchmarks.training.pretraining", computes=True)
    folder = caching.folder(encoder.cache, "pretrained", fingerprint(code, *own.key, own.bf16, how, *read), make)
    with np.load(folder / "weights.npz", allow_pickle=False) as file:
        return encoder.changed_by(folder, {name: torch.from_numpy(file[name]) for name in file.files})


def texts_of(arm: str, tokens: Reading, index: Tensor, view: TrainingView) -> tuple[Reading, Reading]:
    """Texts that an arm reads, and validation students' texts that it does not read."""
    others = torch.ones(len(index), dtype=torch.bool)
    others[view.validation] = False
    students = view.train if arm == "train-only" else others.nonzero().squeeze(1)
    read = dict.fromkeys(index[students].tolist())  # in order of appearance, whatever else the dataset holds
    unseen = [row for row in dict.fromkeys(index[view.validation].tolist()) if row not in read]
    return tokens.only(torch.tensor(list(read))), tokens.only(torch.tensor(unseen, dtype=torch.long))


def edges_of(index: Tensor, view: TrainingView) -> tuple[Tensor, Tensor, Tensor]:
    """Edges [2, E] of the view between students with different texts, their weights [E], and held-out ones [2, E'].

    Held out is what touches a validation student.
    """
    graph = view.graph
    wrote = torch.tensor([bool(text) for text in graph.texts])
    usable = wrote[graph.edges].all(0) & (index[graph.edges[0]] != index[graph.edges[1]])
    unseen = torch.isin(graph.edges, view.validation).any(0)
    fitted = usable & ~unseen
    return graph.edges[:, fitted], graph.weights[fitted], graph.edges[:, usable & unseen]


def vocabulary_of(pretrained: Pretrained) -> Vocabulary:
    """What masking needs to know; ids that no token has count as special."""
    tokenizer = pretrained.tokenizer
    special = torch.ones(pretrained.model.config.vocab_size, dtype=torch.bool)
    special[: len(tokenizer)] = False
    special[tokenizer.all_special_ids] = True
    if structure_of(pretrained.model).decoder:
        return Vocabulary(special, None)
    if tokenizer.mask_token_id is None:
        raise ValueError("the tokenizer has no mask token, so there is no masked language modeling")
    return Vocabulary(special, tokenizer.mask_token_id)


def _history(measure: str, new_head: bool, curve: list[Epoch], scale: Callable[[float], float]) -> dict[str, Any]:
    """What is recorded of a pretraining; `before` is measured before the Transformer learns. Unknown is null."""
    rows = [{key: None if math.isnan(value) else value for key, value in asdict(row).items()} for row in curve]
    ends = {"before": rows[0]["held_out"], "after": rows[-1]["held_out"]}
    scaled = {name: None if loss is None else scale(loss) for name, loss in ends.items()}
    return {"measure": measure, "new_head": new_head, "curve": rows} | scaled
