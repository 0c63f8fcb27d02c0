"""Pretrained Transformers: from texts to tokens, from tokens to states, and what is fine-tuned.

The lower layers stay frozen, so their activations are computed once and handed in; only the top layers run and
learn. Identical texts are read once, and batches hold texts of like length. Floor 0: imports
torch, optuna and sgn only; models and tokenizers are handed in, files are somebody else's business.
"""

import copy
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn

from sgn.fit import Report, run_epochs
from sgn.graph import TrainingView

CPU = torch.device("cpu")
BATCH_TOKENS = 2048
"""Tokens read at once when nothing is learned: enough to fill two cores, little enough for any cache."""


@dataclass(frozen=True)
class Config:
    """Knobs of a fine-tuning; `texts` bounds the training texts."""

    layers: int = 2
    texts: int = 1000
    batch: int = 16
    dropout: float = 0.1
    lr: float = 5e-4
    weight_decay: float = 1e-2


SPACE = {
    "dropout": FloatDistribution(0.0, 0.5),
    "lr": FloatDistribution(1e-5, 2e-3, log=True),
    "weight_decay": FloatDistribution(1e-4, 1e-1, log=True),
}


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

    def padded(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Texts `rows` [B] as a batch [B, L(, H)] padded with zeros, and the mask [B, L] of real tokens."""
        pieces = [self.flat[self.bounds[u] : self.bounds[u + 1]] for u in rows.tolist()]
        batch = nn.utils.rnn.pad_sequence(pieces, batch_first=True)
        lengths = self.lengths()[rows]
        return batch, (torch.arange(batch.shape[1]) < lengths[:, None]).long()


def distinct(texts: Sequence[str]) -> tuple[list[str], Tensor]:
    """Distinct texts in order of appearance, and for each of the N texts its place among them."""
    place: dict[str, int] = {}
    index = torch.tensor([place.setdefault(text, len(place)) for text in texts], dtype=torch.long)
    return list(place), index


def tokenize(tokenizer: Any, texts: Sequence[str], limit: int) -> Reading:
    """Token ids of each text with the model's special tokens, cut to `limit`."""
    ids = tokenizer(list(texts), truncation=True, max_length=limit, padding=False)["input_ids"]
    lengths = torch.tensor([0] + [len(i) for i in ids])
    return Reading(torch.tensor([token for i in ids for token in i]), lengths.cumsum(0))


def layers_trained(how: str, model: nn.Module) -> int:
    """Number of layers that `how` ("frozen" or "top-k") fine-tunes; raises ValueError for another word."""
    if how == "frozen":
        return 0
    match = re.fullmatch(r"top-([1-9]\d*)", how)
    count = len(_layers(model))
    if not match or int(match[1]) > count:
        raise ValueError(f"finetune is 'frozen' or 'top-k' with k from 1 to {count}, not {how!r}")
    return int(match[1])


def cut(model: Any, layers: int) -> tuple[nn.Module, nn.Module]:
    """The model below its top `layers`, which maps ids to activations, and those layers, which map these to states."""
    lower, top = copy.deepcopy(model), copy.deepcopy(model)
    keep = len(_layers(model)) - layers
    lower.encoder.layer = _layers(lower)[:keep]
    top.encoder.layer = _layers(top)[keep:]
    top.embeddings = _Given()
    for part in (lower, top):
        part.pooler = None
    return lower.eval(), top.eval()


@torch.no_grad()
def read_below(
    lower: nn.Module, tokens: Reading, out: Tensor, done: Callable[[int], None], device: torch.device = CPU
) -> None:
    """Write the activations of the frozen layers into `out` [T, H], which may be a memory-mapped file.

    `done(n)` hears of each n texts more.
    """
    for rows in batches(tokens.lengths(), BATCH_TOKENS):
        ids, mask = tokens.padded(rows)
        hidden = lower(input_ids=ids.to(device), attention_mask=mask.to(device)).last_hidden_state.cpu()
        for u, h, n in zip(rows.tolist(), hidden, mask.sum(1).tolist(), strict=True):
            out[tokens.bounds[u] : tokens.bounds[u] + n] = h[:n]
        done(len(rows))


@torch.no_grad()
def read_states(top: nn.Module, below: Reading, device: torch.device = CPU) -> Tensor:
    """States [U, H] of the distinct texts: the mean over a text's tokens of the last layer."""
    states = torch.empty(len(below), below.flat.shape[1])
    for rows in batches(below.lengths(), BATCH_TOKENS):
        hidden, mask = below.padded(rows)
        states[rows] = _mean_state(top, hidden.to(device), mask.to(device)).cpu()
    return states


def finetune(
    config: Config,
    top: nn.Module,
    below: Reading,
    index: Tensor,
    view: TrainingView,
    seed: int,
    report: Report,
    device: torch.device = CPU,
) -> "Classifier":
    """Fine-tune the top layers and a linear head on the training students' texts.

    `index` [N] is each student's place among the distinct texts. `view.graph` is not touched: this model knows no
    neighbors.
    """
    torch.manual_seed(seed)
    model = Classifier(copy.deepcopy(top), below.flat.shape[1], view.num_outputs, config.dropout).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    generator = torch.Generator().manual_seed(seed)
    train = view.train[torch.randperm(len(view.train), generator=generator)[: config.texts]]

    def batch_of(students: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden, mask = below.padded(index[students])
        return hidden.to(device), mask.to(device), view.labels[students].to(device)

    def shuffled() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        order = train[torch.randperm(len(train), generator=generator)]
        lengths = below.lengths()[index[order]]
        groups = list(batches(lengths, config.batch * int(lengths.max())))
        for i in torch.randperm(len(groups), generator=generator).tolist():
            yield batch_of(order[groups[i]])

    def loss(batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        hidden, mask, labels = batch
        return view.task.loss(model(hidden, mask), labels)

    validation_lengths = below.lengths()[index[view.validation]]
    validation = [view.validation[rows] for rows in batches(validation_lengths, BATCH_TOKENS)]
    labels = view.labels[torch.cat(validation)]

    def validate() -> tuple[float, float]:
        logits = torch.cat([model(*batch_of(students)[:2]) for students in validation]).cpu()
        return view.task.score(view.task.link(logits), labels), view.task.loss(logits, labels).item()

    run_epochs(model, optimizer, shuffled, loss, validate, report)
    return model


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


class Classifier(nn.Module):
    """The top layers with a linear head on the mean state of a text."""

    def __init__(self, top: nn.Module, size: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.top = top
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(size, outputs)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Activations [B, L, H] and their mask [B, L] to logits [B, K]."""
        return self.head(self.dropout(_mean_state(self.top, hidden, mask)))

    @torch.no_grad()
    def read(self, below: Reading, device: torch.device = CPU) -> tuple[Tensor, Tensor]:
        """States [U, H] and logits [U, K] of the distinct texts."""
        states = read_states(self.top, below, device)
        return states, self.head(states.to(device)).cpu()


class _Given(nn.Module):
    """Stands where the embeddings were: what comes in is already embedded."""

    def forward(self, inputs_embeds: Tensor, **_: Any) -> Tensor:
        return inputs_embeds


def _mean_state(top: nn.Module, hidden: Tensor, mask: Tensor) -> Tensor:
    last = top(inputs_embeds=hidden, attention_mask=mask).last_hidden_state  # [B, L, H]
    mask = mask[..., None].to(last.dtype)
    return (last * mask).sum(1) / mask.sum(1)


def _layers(model: nn.Module) -> nn.ModuleList:
    layers = getattr(getattr(model, "encoder", None), "layer", None)
    if not isinstance(layers, nn.ModuleList):
        raise ValueError(f"{type(model).__name__} has no list of layers under encoder.layer: not a BERT-like encoder")
    return layers
