"""Pretrained Transformers: from texts to tokens, from tokens to states, and what is fine-tuned.

The lower layers stay frozen, so their activations are computed once and handed in; only the top layers run and
learn. Identical texts are read once, and batches hold texts of like length. Floor 0: imports torch, optuna and sgn
only, peft where a recipe asks for it; models and tokenizers are handed in, files are somebody else's business.
"""

import copy
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn

from sgn.dropout import Dropout
from sgn.fit import Report, run_epochs
from sgn.graph import TrainingView
from sgn.task import Task

CPU = torch.device("cpu")
BATCH_TOKENS = {"cpu": 512, "accelerator": 32_768}
"""Tokens read at once when nothing is learned: few on a CPU, so that texts of a batch are of one length and hardly any
padding is read; many on a GPU, which has to be filled."""


@dataclass(frozen=True)
class Config:
    """Knobs of a fine-tuning.

    `method` is "layers" (the top layers learn as they are) or "lora" or "adalora" (adapters of rank `rank` beside
    each linear map of theirs). `texts` bounds the training texts; AdaLoRA plans its ranks over `epochs`.
    """

    method: str = "layers"
    texts: int = 1000
    batch: int = 16
    epochs: int = 4
    rank: int = 8
    dropout: float = 0.1
    lr: float = 5e-4
    weight_decay: float = 1e-2
    head_weight_decay: float = 1e-2
    label_smoothing: float = 0.0


def space(lr: float) -> dict[str, FloatDistribution]:
    """Ranges of what is tuned; of the learning rate around its default: many layers ask for a lower one than few."""
    return {
        "dropout": FloatDistribution(0.0, 0.5),
        "lr": FloatDistribution(lr / 5, lr * 5, log=True),
        "weight_decay": FloatDistribution(1e-4, 1e-1, log=True),
        "head_weight_decay": FloatDistribution(1e-4, 1e-1, log=True),
        "label_smoothing": FloatDistribution(0.0, 0.2),
    }


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

    def padded(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Texts `rows` [B] as a batch [B, L(, H)] padded with zeros, and the mask [B, L] of real tokens."""
        pieces = [self.flat[self.bounds[u] : self.bounds[u + 1]] for u in rows.tolist()]
        batch = nn.utils.rnn.pad_sequence(pieces, batch_first=True)
        lengths = self.lengths()[rows]
        return batch, (torch.arange(batch.shape[1]) < lengths[:, None]).long()

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


class Classifier(nn.Module):
    """A reader with a linear head on the state of a text."""

    def __init__(self, reader: Reader, outputs: int, dropout: float) -> None:
        super().__init__()
        self.reader = reader
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(reader.size, outputs)

    def forward(self, given: Tensor, mask: Tensor) -> Tensor:
        """Activations [B, L, H] or token ids [B, L] with their mask [B, L] to logits [B, K]."""
        return self.head(self.dropout(self.reader(given, mask)))

    @torch.no_grad()
    def read(self, below: Reading, device: torch.device = CPU) -> tuple[Tensor, Tensor]:
        """States [U, H] and logits [U, K] of the distinct texts."""
        states = read_states(self.reader, below, device)
        return states, self.head(states.to(device)).cpu()


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


def layers_trained(how: str, model: nn.Module) -> int:
    """Number of top layers that `how` changes: none for "frozen", n + 1 for "full" (n layers and the embeddings).

    Else `how` is "top-K", "lora-K" or "adalora-K"; raises ValueError for another word.
    """
    count = len(_layers(model))
    if how in ("frozen", "full"):
        return 0 if how == "frozen" else count + 1
    match = re.fullmatch(r"(?:top|lora|adalora)-([1-9]\d*)", how)
    if not match or int(match[1]) > count:
        raise ValueError(
            f"finetune is frozen, full, top-K, lora-K or adalora-K with K from 1 to {count} here, not {how!r}"
        )
    return int(match[1])


def method_of(how: str) -> str:
    """`Config.method` of a recipe's `finetune`."""
    return how.split("-")[0] if "lora" in how else "layers"


def cut(model: Any, layers: int) -> tuple[nn.Module, nn.Module]:
    """The model below its top `layers`, which maps ids to activations, and those layers, which map these to states.

    With more layers than there are, the top is the whole model with its embeddings, and maps ids to states.
    """
    structure = structure_of(model)
    keep = len(_layers(model)) - layers
    lower, top = copy.deepcopy(model), copy.deepcopy(model)
    for part in (lower, top):
        part.pooler = None
        part.config.use_cache = False
        part.eval()
    if keep < 0:
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
        ids, mask = tokens.padded(rows)
        hidden = reader.hidden(ids.to(device), mask.to(device)).cpu()
        for u, h, n in zip(rows.tolist(), hidden, mask.sum(1).tolist(), strict=True):
            out[tokens.bounds[u] : tokens.bounds[u] + n] = h[:n]
        done(len(rows))


@torch.no_grad()
def read_states(reader: Reader, below: Reading, device: torch.device = CPU) -> Tensor:
    """States [U, H] of the distinct texts."""
    states = torch.empty(len(below), reader.size)
    for rows in batches(below.lengths(), tokens_at_once(device)):
        given, mask = below.padded(rows)
        states[rows] = reader(given.to(device), mask.to(device)).cpu()
    return states


def finetune(
    config: Config,
    reader: Reader,
    below: Reading,
    index: Tensor,
    view: TrainingView,
    seed: int,
    report: Report,
    device: torch.device = CPU,
) -> Classifier:
    """Fine-tune a copy of the reader with a linear head on the training students' texts.

    `index` [N] is each student's place among the distinct texts. `view.graph` is not touched: this model knows no
    neighbors.
    """
    torch.manual_seed(seed)
    model = Classifier(copy.deepcopy(reader), view.num_outputs, config.dropout).to(device)
    generator = torch.Generator().manual_seed(seed)
    train = view.train[torch.randperm(len(view.train), generator=generator)[: config.texts]]

    def batch_of(students: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        given, mask = below.padded(index[students])
        return given.to(device), mask.to(device), view.labels[students].to(device)

    def grouped(order: Tensor) -> list[Tensor]:
        lengths = below.lengths()[index[order]]
        return [order[rows] for rows in batches(lengths, config.batch * int(lengths.max()))]

    def shuffled() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        groups = grouped(train[torch.randperm(len(train), generator=generator)])
        for i in torch.randperm(len(groups), generator=generator).tolist():
            yield batch_of(groups[i])

    objective = _Objective(model, view.task, config.label_smoothing)
    steps = config.epochs * len(grouped(train))
    tuner = objective if config.method == "layers" else _adapters(config, objective, steps)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.reader.parameters() if p.requires_grad], "weight_decay": config.weight_decay},
            {"params": list(model.head.parameters()), "weight_decay": config.head_weight_decay},
        ],
        lr=config.lr,
    )
    _schedule(optimizer, steps)
    if config.method == "adalora":
        step = itertools.count(1)
        optimizer.register_step_post_hook(lambda *_: tuner.update_and_allocate(next(step)))  # type: ignore[operator]

    def loss(batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return tuner(*batch).loss

    validation_lengths = below.lengths()[index[view.validation]]
    validation = [view.validation[rows] for rows in batches(validation_lengths, tokens_at_once(device))]
    labels = view.labels[torch.cat(validation)]

    def validate() -> tuple[float, float]:
        logits = torch.cat([model(*batch_of(students)[:2]) for students in validation]).cpu()
        return view.task.score(view.task.link(logits), labels), view.task.loss(logits, labels).item()

    run_epochs(model, optimizer, shuffled, loss, validate, report)
    return model


def _schedule(optimizer: torch.optim.Optimizer, steps: int) -> None:
    """Let the learning rate rise over a tenth of `steps`, then fall to zero (Devlin et al., 2019, BERT)."""
    rising = max(1, steps // 10)

    def share(step: int) -> float:
        return min((step + 1) / (rising + 1), max(0.0, (steps - step) / max(1, steps - rising)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    optimizer.register_step_post_hook(lambda *_: schedule.step())


def folds_of(train: Tensor, count: int) -> list[Tensor]:
    """Training students [n] dealt into `count` folds, whatever their labels."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    return [train[part] for part in order.tensor_split(count)]


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


class _Objective(nn.Module):
    """A classifier with its loss as an attribute, where peft looks for it: AdaLoRA adds a penalty of its own."""

    def __init__(self, model: Classifier, task: Task, label_smoothing: float) -> None:
        super().__init__()
        self.model, self.task, self.label_smoothing = model, task, label_smoothing

    def forward(self, given: Tensor, mask: Tensor, labels: Tensor) -> SimpleNamespace:
        return SimpleNamespace(loss=self.task.loss(self.model(given, mask), labels, self.label_smoothing))


def _adapters(config: Config, objective: _Objective, steps: int) -> nn.Module:
    """Put adapters of low rank beside each linear map of the top layers; these and the head alone learn.

    LoRA (Hu et al., 2022, https://arxiv.org/abs/2106.09685); AdaLoRA (Zhang et al., 2023,
    https://arxiv.org/abs/2303.10512) begins with half as much again as `rank`, which it reaches after half its `steps`.
    """
    from peft import AdaLoraConfig, AdaLoraModel, LoraConfig, LoraModel  # takes seconds
    from transformers.pytorch_utils import Conv1D

    kinds = (nn.Linear, Conv1D)
    linear = {name: m for name, m in objective.named_modules() if isinstance(m, kinds) and ".top." in name}
    common: dict[str, Any] = {
        "target_modules": list(linear),
        "lora_alpha": 2 * config.rank,
        "fan_in_fan_out": any(isinstance(m, Conv1D) for m in linear.values()),  # GPT-2 stores its maps transposed
    }
    if config.method == "lora":
        tuner: nn.Module = LoraModel(objective, LoraConfig(r=config.rank, **common), "default")
    else:
        common |= {"target_r": config.rank, "init_r": config.rank * 3 // 2, "total_step": steps}
        common |= {"tinit": steps // 10, "tfinal": steps // 2, "deltaT": max(1, steps // 100)}
        tuner = AdaLoraModel(objective, AdaLoraConfig(**common), "default")
    objective.model.head.requires_grad_(True)
    return tuner


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
