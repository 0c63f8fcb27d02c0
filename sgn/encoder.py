"""Pretrained Transformers: from texts to tokens, and from tokens to states.

The lower layers stay frozen, so their activations are computed once and handed in; only the top layers run and
learn (`sgn.finetune`). Identical texts are read once, and batches hold texts of like length. Level 0: imports torch
and sgn only; models and tokenizers are handed in, files are somebody else's business.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sgn.dropout import Dropout
from sgn.graph import moved

CPU = torch.device("cpu")
BATCH_TOKENS = {"cpu": 512, "accelerator": 32_768}
"""Tokens read at once when nothing is learned: few on a CPU, so that texts of a batch are of one length and hardly any
padding is read; many on a GPU, which has to be filled."""


@dataclass(frozen=True)
class Structure:
    """Where a family of Transformers keeps its layers; what runs below them (with a stand-in) and above them."""

    layers: str
    below: Mapping[str, type[nn.Module]]
    above: str | None = None
    decoder: bool = False


class _Given(nn.Module):
    """Stands where the embeddings were: what comes in is already embedded."""

    def forward(self, input_ids: Tensor | None = None, inputs_embeds: Tensor | None = None, *_: Any, **__: Any) -> Any:
        return inputs_embeds


class _Nothing(nn.Module):
    """Stands where position embeddings were added: they are in already."""

    def forward(self, places: Tensor) -> Tensor:
        return places.new_zeros(*places.shape, 1, dtype=torch.float32)


class _Skip(nn.Module):
    """Stands where a layer of the other part was, so that the layers keep their numbers."""

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        return hidden


STRUCTURES = (
    # BERT, RoBERTa, XLM-R, ELECTRA, MiniLM
    Structure("encoder.layer", {"embeddings": _Given, "embeddings_project": nn.Identity}),
    Structure("transformer.layer", {"embeddings": _Given}),  # DistilBERT
    Structure("h", {"wte": nn.Identity, "wpe": _Nothing, "drop": nn.Identity}, "ln_f", decoder=True),  # GPT-2
    Structure("layers", {"embed_tokens": nn.Identity}, "norm", decoder=True),  # Llama, Mistral, Qwen
)
"""The first that fits a model's parts is its structure; `cut` checks that nothing else happens between the layers."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Something per token for U distinct texts, laid end to end: ids, or the activations of a layer.

    Text u holds rows `bounds[u]` to `bounds[u + 1]` of `flat` [T] or [T, H].
    """

    flat: Tensor
    bounds: Tensor  # [U + 1] int64

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def lengths(self) -> Tensor:
        """Tokens a text, [U]."""
        return self.bounds.diff()

    def padded(self, rows: Tensor, device: torch.device = CPU) -> tuple[Tensor, Tensor]:
        """Texts `rows` [B] as a batch [B, L(, H)] padded with zeros and the mask [B, L] of real tokens, on a device."""
        pieces = [self.flat[self.bounds[u] : self.bounds[u + 1]] for u in rows.tolist()]
        batch = nn.utils.rnn.pad_sequence(pieces, batch_first=True)
        lengths = self.lengths()[rows]
        mask = (torch.arange(batch.shape[1]) < lengths[:, None]).long()
        return moved(batch, device), moved(mask, device)

    def only(self, rows: Tensor) -> "Reading":
        """Texts `rows` in that order."""
        pieces = [self.flat[self.bounds[u] : self.bounds[u + 1]] for u in rows.tolist()]
        lengths = self.lengths()[rows]
        return Reading(torch.cat([self.flat[:0], *pieces]), torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))


class Reader(nn.Module):
    """The top layers of a Transformer and the pooling: from what `cut` leaves below them to one state a text.

    `pooling` is "cls" (the first token), "mean" (over the tokens) or "last" (the last token, which alone has read
    the whole text in a decoder); left out, it is "last" for decoders and "mean" for encoders.
    """

    def __init__(self, top: nn.Module, pooling: str | None = None, bf16: bool = False) -> None:
        super().__init__()
        self.top = top
        for part in list(top.modules()):
            for name, layer in part.named_children():
                if isinstance(layer, nn.Dropout):  # that of torch takes a twelfth of an epoch on a CPU
                    setattr(part, name, Dropout(layer.p).train(layer.training))
        self.pooling = pooling or ("last" if structure_of(top).decoder else "mean")
        self.bf16 = bf16

    @property
    def size(self) -> int:
        """H."""
        return self.top.config.hidden_size  # type: ignore[union-attr, return-value]

    def hidden(self, given: Tensor, mask: Tensor) -> Tensor:
        """The last layer [B, L, H] over activations [B, L, H], or over token ids [B, L] where nothing lies below."""
        name = "inputs_embeds" if given.is_floating_point() else "input_ids"
        with torch.autocast(given.device.type, torch.bfloat16, enabled=self.bf16):
            return self.top(**{name: given}, attention_mask=mask).last_hidden_state.float()

    def forward(self, given: Tensor, mask: Tensor) -> Tensor:
        """States [B, H] of activations [B, L, H] or token ids [B, L] with their mask [B, L] of real tokens."""
        last = self.hidden(given, mask)  # [B, L, H]
        if self.pooling == "cls":
            return last[:, 0]
        if self.pooling == "last":
            return last[torch.arange(len(last), device=last.device), mask.sum(1) - 1]
        weights = mask[..., None].to(last.dtype)
        return (last * weights).sum(1) / weights.sum(1)


def distinct(texts: Sequence[str]) -> tuple[list[str], Tensor]:
    """Distinct texts in order of appearance, and for each of the N texts its place among them."""
    place: dict[str, int] = {}
    index = torch.tensor([place.setdefault(text, len(place)) for text in texts], dtype=torch.long)
    return list(place), index


def tokenize(tokenizer: Any, texts: Sequence[str], limit: int) -> Reading:
    """Token ids of each text with the model's special tokens, cut to `limit`; at least one token a text."""
    ids = tokenizer(list(texts), truncation=True, max_length=limit, padding=False)["input_ids"]
    ids = [tokens or [tokenizer.eos_token_id] for tokens in ids]  # decoders add no special token, not even to ""
    lengths = torch.tensor([0] + [len(tokens) for tokens in ids])
    return Reading(torch.tensor([token for tokens in ids for token in tokens]), lengths.cumsum(0))


def structure_of(model: nn.Module) -> Structure:
    """The structure that fits a model; raises ValueError where none does."""
    for structure in STRUCTURES:
        if _part(model, structure.layers) is not None and hasattr(model, structure.above or "forward"):
            return structure
    known = ", ".join(f"{s.layers} with {s.above}" if s.above else s.layers for s in STRUCTURES)
    raise ValueError(f"{type(model).__name__} is built like none of: {known}; see STRUCTURES in sgn/encoder.py")


def number_of_layers(model: nn.Module) -> int:
    """Layers of a model, embeddings not among them."""
    return len(_layers(model))


def cut(model: Any, layers: int) -> tuple[nn.Module, nn.Module]:
    """The model below its top `layers`, which maps ids to activations, and those layers, which map these to states.

    With none of its layers, or more than there are, the top is the whole model with its embeddings, and maps ids to
    states. Raises ValueError for a model that does more between its layers than hand on activations.
    """
    structure = structure_of(model)
    keep = len(_layers(model)) - layers
    lower, top = copy.deepcopy(model), copy.deepcopy(model)
    for part in (lower, top):
        part.pooler = None
        part.config.use_cache = False
        part.eval()
    if keep < 0 or not layers:
        return nn.Identity(), top
    for i in range(len(_layers(model))):
        _layers(top if i < keep else lower)[i] = _Skip()
    if structure.above:
        setattr(lower, structure.above, nn.Identity())
    for name in structure.below.keys() & dict(top.named_children()).keys():
        setattr(top, name, structure.below[name]())
    _check_cut(model, lower, top)
    return lower, top


@torch.no_grad()
def read_below(
    lower: nn.Module,
    tokens: Reading,
    out: Tensor,
    done: Callable[[int], None],
    device: torch.device = CPU,
    bf16: bool = False,
) -> None:
    """Write the activations of the frozen layers into `out` [T, H], which may be a memory-mapped file.

    `done(n)` hears of each n texts more.
    """
    reader = Reader(lower, bf16=bf16)
    for rows in batches(tokens.lengths(), tokens_at_once(device)):
        ids, mask = tokens.padded(rows, device)
        hidden = reader.hidden(ids, mask).cpu()
        for u, h in zip(rows.tolist(), hidden, strict=True):
            begin, end = tokens.bounds[u : u + 2].tolist()
            out[begin:end] = h[: end - begin]
        done(len(rows))


@torch.no_grad()
def read_states(reader: Reader, below: Reading, device: torch.device = CPU) -> Tensor:
    """States [U, H] of the distinct texts, on `device`, which the reader is on."""
    states = torch.empty(len(below), reader.size, device=device)
    for rows in batches(below.lengths(), tokens_at_once(device)):
        states[moved(rows, device)] = reader(*below.padded(rows, device))
    return states


def tokens_at_once(device: torch.device) -> int:
    """The budget of a batch on a device."""
    return BATCH_TOKENS["cpu" if device.type == "cpu" else "accelerator"]


def batches(lengths: Tensor, budget: int) -> Iterator[Tensor]:
    """Indices in batches of like length, each of at most `budget` tokens with its padding."""
    order = lengths.argsort(stable=True)
    batch: list[int] = []
    for i in order.tolist():
        if batch and (len(batch) + 1) * int(lengths[i]) > budget:
            yield torch.tensor(batch)
            batch = []
        batch.append(i)
    if batch:
        yield torch.tensor(batch)


@torch.no_grad()
def _check_cut(model: Any, lower: Any, top: Any) -> None:
    """Raise ValueError unless the two parts are the model: one of a new kind may do more between its layers."""
    ids = torch.arange(8)[None] % model.config.vocab_size
    mask = torch.ones_like(ids)
    whole = model(input_ids=ids, attention_mask=mask).last_hidden_state
    try:
        below = lower(input_ids=ids, attention_mask=mask).last_hidden_state
        parts = top(inputs_embeds=below, attention_mask=mask).last_hidden_state
        same = torch.allclose(parts, whole, atol=1e-4)
    except Exception:  # a layer that hands on something else than a tensor breaks anywhere
        same = False
    if not same:
        raise ValueError(f"{type(model).__name__} cannot be cut between its layers: they hand on more than activations")


def _part(model: nn.Module, path: str) -> nn.ModuleList | None:
    found: Any = model
    for name in path.split("."):
        found = getattr(found, name, None)
    return found if isinstance(found, nn.ModuleList) else None


def _layers(model: nn.Module) -> nn.ModuleList:
    return _part(model, structure_of(model).layers)  # type: ignore[return-value]
