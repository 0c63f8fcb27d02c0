"""Fine-tuning: the top layers of a Transformer learn the task from the training students' texts.

Level 0: imports torch, optuna's distributions and sgn only, peft where a recipe asks for it.
"""

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn

from sgn.dropout import Dropout
from sgn.encoder import CPU, Reader, Reading, batches, read_states, tokens_at_once
from sgn.fit import Report, run_epochs
from sgn.graph import TrainingView, moved
from sgn.task import Task


@dataclass(frozen=True)
class Config:
    """Knobs of a fine-tuning.

    `method` is "layers" (the top layers learn as they are) or "lora" or "adalora" (adapters of rank `rank` beside
    each linear map of theirs). `texts` bounds the training texts; AdaLoRA plans its ranks over `epochs`.
    `class_weights`: each class weighs the same in the loss.
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
    class_weights: bool = False
    clip: float = 1.0  # norm of the gradient at most


def space(lr: float) -> dict[str, FloatDistribution]:
    """Ranges of what is tuned; of the learning rate around its default: many layers ask for a lower one than few."""
    return {
        "dropout": FloatDistribution(0.0, 0.5),
        "lr": FloatDistribution(lr / 5, lr * 5, log=True),
        "weight_decay": FloatDistribution(1e-4, 1e-1, log=True),
        "head_weight_decay": FloatDistribution(1e-4, 1e-1, log=True),
        "label_smoothing": FloatDistribution(0.0, 0.2),
    }


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
        """States [U, H] and logits [U, K] of the distinct texts, in the host's memory."""
        states = read_states(self.reader, below, device)
        return states.cpu(), self.head(states).cpu()


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
        return *below.padded(index[students], device), moved(view.labels[students], device)

    def grouped(order: Tensor) -> list[Tensor]:
        lengths = below.lengths()[index[order]]
        return [order[rows] for rows in batches(lengths, config.batch * int(lengths.max()))]

    def shuffled() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        groups = grouped(train[torch.randperm(len(train), generator=generator)])
        for i in torch.randperm(len(groups), generator=generator).tolist():
            yield batch_of(groups[i])

    weights = moved(view.task.balance(view.labels[train]), device) if config.class_weights else None
    objective = _Objective(model, view.task, config.label_smoothing, weights)
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

    run_epochs(model, optimizer, shuffled, loss, validate, report, config.clip)
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


class _Objective(nn.Module):
    """A classifier with its loss as an attribute, where peft looks for it: AdaLoRA adds a penalty of its own."""

    def __init__(self, model: Classifier, task: Task, label_smoothing: float, class_weights: Tensor | None) -> None:
        super().__init__()
        self.model, self.task = model, task
        self.label_smoothing, self.class_weights = label_smoothing, class_weights

    def forward(self, given: Tensor, mask: Tensor, labels: Tensor) -> SimpleNamespace:
        logits = self.model(given, mask)
        return SimpleNamespace(loss=self.task.loss(logits, labels, self.label_smoothing, self.class_weights))


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
