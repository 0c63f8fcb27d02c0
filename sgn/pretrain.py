"""Self-supervised pretraining on the students' own texts and interactions, before any label is read.

Only the top layers of a Transformer learn: what lies below them stays as it was, with its cached activations.
Two objectives:
- `language`: masked language modeling for encoders (Devlin et al., 2019, https://arxiv.org/abs/1810.04805), the next
  token for decoders (Gururangan et al., 2020, https://arxiv.org/abs/2004.10964: it helps where texts are special).
- `contrast`: students who interact have states nearer to each other than to anybody's else (as documents that cite each
  other in SPECTER, Cohan et al., 2020, https://arxiv.org/abs/2004.07180; links in LinkBERT, Yasunaga et al., 2022,
  https://arxiv.org/abs/2203.15827). Not masked features: these are no input of a Transformer, so they teach it nothing.
Level 0: imports torch and sgn only.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sgn.encoder import CPU, Reader, Reading, batches
from sgn.graph import moved

IGNORED = -100
"""The label of a token that is not to be predicted."""
MASKED = 0.15
REPETITIONS = 10
"""Draws of the mask over the held-out texts; fixed ones, so that before and after are about the same tokens."""
HELD_OUT = 50
"""Held-out texts, or about as many pairs, at most: they are read after every epoch."""
HELD_OUT_TOKENS = 2048
"""Of these read at once: on every device, for tokens are masked batch by batch."""
TEMPERATURE = 0.05


@dataclass(frozen=True)
class Config:
    """Knobs of a pretraining; `batch` counts texts, `pairs` students who interact."""

    epochs: int = 1
    batch: int = 16
    pairs: int = 32
    lr: float = 1e-4
    head_lr: float = 1e-3
    weight_decay: float = 1e-2


@dataclass(frozen=True)
class Epoch:
    """A row of the loss curve: mean loss of an epoch's steps, and of what is held out after it.

    Epoch 0 is before the Transformer learns: a new head has learned alone, or nothing has (no steps, no loss).
    """

    epoch: int
    steps: int
    loss: float
    held_out: float


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Which of the V token ids are special, and the id of the mask; None where the next token is predicted."""

    special: Tensor  # [V] bool
    mask: int | None


Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Activations [B, L, H], mask [B, L] of real tokens; where in B·L tokens are to be predicted [M], and their ids [M]."""


def masked(ids: Tensor, real: Tensor, vocabulary: Vocabulary, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Hide 15 % of the ordinary tokens of ids [B, L]: 80 % as the mask, 10 % as a random token, 10 % as they are.

    `real` [B, L] is 0 on padding. Returns what is read and what is to be predicted, both [B, L].
    """
    chosen = (torch.rand(ids.shape, generator=generator) < MASKED) & ~vocabulary.special[ids] & real.bool()
    lot = torch.rand(ids.shape, generator=generator)
    ordinary = (~vocabulary.special).nonzero().squeeze(1)
    random = ordinary[torch.randint(len(ordinary), ids.shape, generator=generator)]
    shown = torch.where(lot < 0.8, torch.tensor(vocabulary.mask), torch.where(lot < 0.9, random, ids))
    return torch.where(chosen, shown, ids), torch.where(chosen, ids, IGNORED)


def following(ids: Tensor, real: Tensor) -> Tensor:
    """The next token of each of ids [B, L]; IGNORED after the last real one."""
    labels = torch.where(real.bool(), ids, IGNORED).roll(-1, dims=1)
    labels[:, -1] = IGNORED
    return labels


def language(
    config: Config,
    below: Reader,
    reader: Reader,
    head: nn.Module,
    new_head: bool,
    tokens: Reading,
    held_out: Reading,
    vocabulary: Vocabulary,
    seed: int,
    device: torch.device = CPU,
) -> list[Epoch]:
    """Train `reader` in place to predict tokens of `tokens`, and return its loss curve; `held_out` is only measured.

    `below` is what `cut` left below the reader, `head` maps states [M, H] to logits [M, V]. A new head learns alone
    for an epoch first: while it is random its gradients would wreck the Transformer, and no perplexity before the
    pretraining would mean anything.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    for module in (below, reader, head):
        module.to(device)

    @torch.no_grad()
    def drawn(texts: Reading, rows: Tensor, generator: torch.Generator) -> Batch:
        ids, real = texts.padded(rows)
        shown, labels = (
            (ids, following(ids, real)) if vocabulary.mask is None else masked(ids, real, vocabulary, generator)
        )
        labels = labels.flatten()
        asked = (labels != IGNORED).nonzero().squeeze(1)
        shown, real, asked, labels = (moved(part, device) for part in (shown, real, asked, labels[asked]))
        return below.hidden(shown, real), real, asked, labels

    def total(batch: Batch) -> tuple[Tensor, int]:
        """Cross-entropy summed over the tokens to be predicted, and how many they are."""
        hidden, real, asked, labels = batch
        logits = head(reader.hidden(hidden, real).flatten(0, 1)[asked])
        return functional.cross_entropy(logits, labels, reduction="sum"), len(asked)

    def epoch() -> Iterator[Batch]:
        return (drawn(tokens, rows, generator) for rows in _shuffled(tokens.lengths(), config.batch, generator))

    fixed = torch.Generator().manual_seed(0)
    sample = torch.randperm(len(held_out), generator=fixed)[:HELD_OUT]
    kept = [
        drawn(held_out, sample[rows], fixed)
        for _ in range(1 if vocabulary.mask is None else REPETITIONS)
        for rows in batches(held_out.lengths()[sample], HELD_OUT_TOKENS)
    ]

    return _train(config, reader, head, new_head, epoch, total, kept)


def contrast(
    config: Config,
    below: Reading,
    reader: Reader,
    index: Tensor,
    edges: Tensor,
    weights: Tensor,
    held_out: Tensor,
    seed: int,
    device: torch.device = CPU,
) -> list[Epoch]:
    """Train `reader` in place so that students who interact have similar states, and return its loss curve.

    InfoNCE (van den Oord et al., 2018, https://arxiv.org/abs/1807.03748) over pairs drawn from `edges` [2, E] by
    `weights` [E]; the other pairs of a batch are the negatives, unless their text is the same. `index` [N] is each
    student's place in `below`. `held_out` [2, E'] are edges that are only measured.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    reader.to(device)
    summed = weights.double().cumsum(0)
    students = len(edges.unique())

    def total(pairs: Tensor) -> tuple[Tensor, int]:
        """Loss summed over pairs [2, P] of texts, and their number."""
        place = {row: i for i, row in enumerate(dict.fromkeys(pairs.flatten().tolist()))}  # each text is read once
        states = functional.normalize(reader(*below.padded(torch.tensor(list(place)), device)))
        sides = (torch.tensor([place[row] for row in side]) for side in pairs.tolist())
        one, other = (states[moved(side, device)] for side in sides)  # [P, H] each
        similarity = one @ other.T / TEMPERATURE  # [P, P]
        ours, theirs = pairs  # [P] each
        crossed = ours[:, None] == theirs
        own = torch.arange(len(one), device=device)

        def loss(similarity: Tensor, candidates: Tensor, crossed: Tensor) -> Tensor:
            # a text that is the same as either end of the pair is no negative
            same = moved((crossed | (candidates[:, None] == candidates)).fill_diagonal_(False), device)
            return functional.cross_entropy(similarity.masked_fill(same, -torch.inf), own, reduction="sum")

        return (loss(similarity, theirs, crossed) + loss(similarity.T, ours, crossed.T)) / 2, len(one)

    def epoch() -> Iterator[Tensor]:
        lots = torch.rand(students, generator=generator, dtype=torch.float64) * summed[-1]
        drawn = torch.searchsorted(summed, lots).clamp(max=len(summed) - 1)
        return (index[edges[:, part]] for part in drawn.split(config.pairs))

    fixed = torch.Generator().manual_seed(0)
    measured = torch.randint(max(1, held_out.shape[1]), (HELD_OUT // config.pairs + 1, config.pairs), generator=fixed)
    kept = [index[held_out[:, part]] for part in measured] if held_out.shape[1] else []
    return _train(config, reader, nn.Identity(), False, epoch, total, kept)


def _train(
    config: Config,
    reader: Reader,
    head: nn.Module,
    new_head: bool,
    epoch: Callable[[], Iterable[Any]],
    total: Callable[[Any], tuple[Tensor, int]],
    held_out: list[Any],
) -> list[Epoch]:
    """The loop of both objectives; `total` gives a batch's summed loss and what to divide it by."""
    learned = [p for p in head.parameters() if p.requires_grad]
    groups = [{"params": list(reader.parameters()), "lr": config.lr}, {"params": learned, "lr": config.head_lr}]
    optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)

    @torch.no_grad()
    def measured() -> float:
        reader.eval()
        head.eval()
        sums = [total(batch) for batch in held_out]
        count = sum(n for _, n in sums)
        return sum(loss.item() for loss, _ in sums) / count if count else math.nan

    curve = [] if new_head and learned else [Epoch(0, 0, math.nan, measured())]
    for number in range(len(curve), config.epochs + 1):
        body = number > 0
        reader.requires_grad_(body).train(body)  # what is frozen is read as it will be: without dropout
        head.train()
        steps, summed, count = 0, torch.zeros((), dtype=torch.float64), 0
        for batch in epoch():
            loss, n = total(batch)
            if n == 0:  # of a few short texts no token may have been drawn
                continue
            optimizer.zero_grad()
            (loss / n).backward()
            nn.utils.clip_grad_norm_([*reader.parameters(), *learned], 1.0)
            optimizer.step()
            steps, summed, count = steps + 1, summed + loss.detach(), count + n
        curve.append(Epoch(number, steps, summed.item() / count if count else math.nan, measured()))
    reader.requires_grad_(True).eval()
    return curve


def _shuffled(lengths: Tensor, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    """All texts in batches of like length, the batches in random order."""
    order = torch.randperm(len(lengths), generator=generator)
    groups = [order[rows] for rows in batches(lengths[order], batch * int(lengths.max()))]
    return (groups[i] for i in torch.randperm(len(groups), generator=generator).tolist())
