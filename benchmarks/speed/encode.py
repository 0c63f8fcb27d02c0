"""Text encoding: ours, sentence-transformers' and a plain loop, on the same texts and weights.

FLOPs are those of real tokens: what a way spends on padding is no work done. Bytes of a batch: each weight once, the
inputs and outputs of each linear map and of attention.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.datasets.sentences import NEUTRAL
from benchmarks.speed import peaks
from benchmarks.speed.clock import Case, Group, whole
from benchmarks.speed.names import MIXED, ONE_LENGTH, OURS, PLAIN, PRODUCT, SENTENCE_TRANSFORMERS
from benchmarks.training import weights as pretrained
from sgn.encoder import Reader, cut, distinct, read_states, tokenize

PLAIN_BATCH = 32
"""Texts at once in a plain loop; sentence-transformers' default, too."""


def groups(weights: str, texts: int, tokens: int, lengths: list[int], batches: list[int]) -> list[Group]:
    """`texts` of mixed length up to `tokens`; a batch of each length; the Transformer alone on batches of each size."""
    common = {"weights": weights}
    found = [Group(MIXED, common | {"texts": texts, "low": 4, "high": tokens})]
    found += [Group(ONE_LENGTH, common | {"texts": PLAIN_BATCH, "low": n, "high": n}, n) for n in lengths]
    return found + [
        Group(f"Transformer alone, batch of {b}", common | {"batch": b, "length": n}, n)
        for b in batches
        for n in lengths
    ]


def cases(device: str, weights: str, **options: Any) -> list[Case]:
    """Of a group of either kind."""
    model = pretrained.load(weights, None)
    return _one_batch(model, device, **options) if "batch" in options else _texts(model, device, **options)


def _texts(model: pretrained.Pretrained, device: str, texts: int, low: int, high: int) -> list[Case]:
    """Whole ways from text to state."""
    from sentence_transformers import SentenceTransformer

    written, where = made_up(model.tokenizer, texts, low, high), torch.device(device)
    reader = Reader(cut(model.model, 0)[1], "mean").to(where)
    other = SentenceTransformer(str(model.folder), device=device)
    other.max_seq_length = high
    real = tokenize(model.tokenizer, written, high)
    costs: dict[str, Any] = {"items": texts, "unit": "text", "flops": flops(model.model.config, real.lengths())}

    def ours() -> Tensor:
        different, index = distinct(written)
        return read_states(reader, tokenize(model.tokenizer, different, high), where)[index]

    @torch.no_grad()
    def plain() -> Tensor:
        """As in many a tutorial: everything padded to the longest, in the order in which it comes."""
        inputs = model.tokenizer(written, padding=True, truncation=True, max_length=high, return_tensors="pt")
        states = []
        for begin in range(0, texts, PLAIN_BATCH):
            part = {name: rows[begin : begin + PLAIN_BATCH].to(where) for name, rows in inputs.items()}
            last = model.model.to(where)(**part).last_hidden_state
            mask = part["attention_mask"][..., None].to(last.dtype)
            states.append((last * mask).sum(1) / mask.sum(1))
        return torch.cat(states)

    def theirs() -> Tensor:
        return other.encode(
            written, batch_size=PLAIN_BATCH, convert_to_tensor=True, normalize_embeddings=False, show_progress_bar=False
        )

    ways: dict[str, Callable[[], Tensor]] = {OURS: ours, SENTENCE_TRANSFORMERS: theirs, PLAIN: plain}
    return [Case(way, whole(work), **costs) for way, work in ways.items()] + [peaks.product(device)]


def _one_batch(model: pretrained.Pretrained, device: str, batch: int, length: int) -> list[Case]:
    """The Transformer alone, in fp32, and in bf16 where the device is fast at it."""
    reader = Reader(cut(model.model, 0)[1], "mean").to(device)
    ids = torch.randint(model.model.config.vocab_size, (batch, length), device=device)
    mask, work = torch.ones_like(ids), flops(model.model.config, torch.full((batch,), length))
    costs: dict[str, Any] = {"items": batch, "unit": "text", "flops": work}

    def forward(bf16: bool) -> Callable[[], Tensor]:
        own = Reader(reader.top, "mean", bf16)
        return torch.no_grad()(lambda: own(ids, mask))

    found = [
        Case("fp32", whole(forward(False)), moved=moved(model.model.config, batch, length, 4), **costs),
        peaks.product(device),
    ]
    if peaks.speedup(device, torch.get_num_threads()) >= peaks.CLEAR:
        found += [
            Case("bf16", whole(forward(True)), moved=moved(model.model.config, batch, length, 2), **costs),
            peaks.product(device, torch.bfloat16, f"{PRODUCT}, bf16"),
        ]
    return found


def made_up(tokenizer: Any, texts: int, low: int, high: int) -> list[str]:
    """Different texts of `low` to `high` tokens, short ones more often, as students write them."""
    rng = np.random.default_rng(0)
    pool = [token for sentence in NEUTRAL for token in tokenizer(sentence, add_special_tokens=False)["input_ids"]]
    lengths = np.exp(rng.uniform(np.log(low), np.log(high), texts)).round().astype(int)
    return [_text(tokenizer, rng.choice(pool, 2 * n), n) for n in lengths]


def _text(tokenizer: Any, ids: np.ndarray, tokens: int) -> str:
    """A text that the tokenizer reads as `tokens` tokens, special ones included, or as a few less."""
    read = tokenizer(tokenizer.decode(ids), truncation=True, max_length=tokens)["input_ids"]
    return tokenizer.decode(read, skip_special_tokens=True)


def flops(config: Any, lengths: Tensor) -> float:
    """Of a forward pass over real tokens, from shapes: linear maps and attention, two a multiplication."""
    h, inner, n = config.hidden_size, config.intermediate_size, lengths.double()
    linear = 2 * (4 * h**2 + 2 * h * inner)  # a token
    attention = 4 * h * n  # a token: with each other of its text, scores and mixtures
    return float(config.num_hidden_layers * (n * (linear + attention)).sum())


def moved(config: Any, batch: int, length: int, width: int) -> float:
    """Bytes of a forward pass over one batch, each number `width` bytes wide."""
    h, inner = config.hidden_size, config.intermediate_size
    held = 4 * h**2 + 2 * h * inner  # weights of a layer
    token = (h + 3 * h) + (3 * h + h) + (h + h) + (h + inner) + (inner + h)  # query to value, attention, output, maps
    return width * config.num_hidden_layers * (held + batch * length * token)
