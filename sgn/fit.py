"""The one training loop: minibatches or whole graphs, early stopping on validation.

Level 0: imports torch and sgn only.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sgn.graph import StudentGraph, TrainingView, moved

Predictor = Callable[[StudentGraph], Tensor]
"""Maps any graph of the training graph's kind to probabilities [N, K]."""


@dataclass(frozen=True)
class Training:
    """Knobs of the shared loop, the same for each model: a model's `Config` extends them.

    `known_labels`: the model may read the training labels of other students as inputs (Shi et al., 2021,
    https://arxiv.org/abs/2009.03509): in each epoch those of a random half, while the loss is over the other half.
    `class_weights`: each class weighs the same in the loss. `early_stopping=False`: all epochs, the last one's weights.
    """

    lr: float = 5e-3
    weight_decay: float = 1e-3  # decoupled (Loshchilov & Hutter, 2019, https://arxiv.org/abs/1711.05101)
    label_smoothing: float = 0.0
    class_weights: bool = False
    clip: float = 1.0  # norm of the gradient at most
    known_labels: bool = False
    early_stopping: bool = True
    epochs: int | None = None  # at most, where a model needs fewer than the others
    patience: int | None = None  # likewise


class DivergedError(RuntimeError):
    """The loss or the validation score is no longer a finite number."""


class Report(Protocol):
    """What a model tells of its training, and who decides when it ends: the same rule for every model."""

    def __call__(self, epoch: int, score: float, loss: float = 0.0) -> bool:
        """Take an epoch's validation score (higher is better) and loss; True means stop now."""

    @property
    def improved(self) -> bool:
        """Whether the last epoch was the best so far."""


class EarlyStopping:
    """Stop after `epochs`, or when `patience` epochs in a row brought nothing better.

    Better is a higher score, or the same score with a lower loss: scores of small validation sets tie often.
    `tell(line)` hears of progress at most every two seconds. `watch(spent, best)` hears, after each epoch but the last,
    how many times `patience` is spent and the best score so far; it may raise, which ends the training.
    """

    def __init__(
        self,
        epochs: int,
        patience: int,
        tell: Callable[[str], None] = lambda line: None,
        watch: Callable[[float, float], None] = lambda spent, best: None,
    ) -> None:
        self.epochs, self.patience, self.tell, self.watch = epochs, patience, tell, watch
        self.best_score, self.best_loss, self.best_epoch = -math.inf, math.inf, 0
        self.improved = False
        self._began = self._told = time.monotonic()

    def __call__(self, epoch: int, score: float, loss: float = 0.0) -> bool:
        """See `Report`; raises DivergedError when score or loss is not finite."""
        if not math.isfinite(score + loss):
            raise DivergedError(f"epoch {epoch}: validation score {score}, loss {loss}")
        self.improved = (score, -loss) > (self.best_score, -self.best_loss)
        if self.improved:
            self.best_score, self.best_loss, self.best_epoch = score, loss, epoch
        stop = epoch >= self.epochs or epoch - self.best_epoch >= self.patience
        now = time.monotonic()
        if stop or now - self._told > 2:
            self._told = now
            remaining = (self.epochs - epoch) * (now - self._began) / epoch
            self.tell(
                f"epoch {epoch}/{self.epochs}  validation {score:.4f}  best {self.best_score:.4f} "
                f"(epoch {self.best_epoch})  " + ("done" if stop else f"ETA <= {remaining:.0f} s")
            )
        if not stop:
            self.watch(epoch / self.patience, self.best_score)
        return stop


def run_epochs(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Callable[[], Iterable[Any]],
    loss: Callable[[Any], Tensor],
    validate: Callable[[], tuple[float, float]],
    report: Report,
    clip: float = 1.0,
    keep_best: bool = True,
) -> None:
    """Train until `report` says stop, then put the best epoch's weights back (or keep the last one's).

    `validate` returns (score, loss) on the validation students; the gradient's norm is at most `clip`.
    """
    best: dict[str, Tensor] = {}
    stop, epoch = False, 0
    while not stop:
        epoch += 1
        module.train()
        for batch in batches():
            optimizer.zero_grad()
            loss(batch).backward()
            nn.utils.clip_grad_norm_(module.parameters(), clip)
            optimizer.step()
        module.eval()
        with torch.no_grad():
            stop = report(epoch, *validate())
        if keep_best and report.improved:
            best = copy.deepcopy(module.state_dict())
    if keep_best:
        module.load_state_dict(best)


def training_loss(config: Training, view: TrainingView) -> Callable[[Callable[[StudentGraph], Tensor]], Tensor]:
    """The loss over training students of a map from graphs to logits [N, K], as `config` has it."""
    task, graph, labels = view.task, view.graph, view.labels
    train = view.train.to(labels.device)
    weights = task.balance(labels[train]) if config.class_weights else None

    def loss(logits_of: Callable[[StudentGraph], Tensor]) -> Tensor:
        asked, shown = train, graph
        if config.known_labels and graph.num_known:
            asked = moved(view.train[torch.rand(len(train)) < 0.5], labels.device)
            shown = graph.without_labels(asked)
        return task.loss(logits_of(shown)[asked], labels[asked], config.label_smoothing, weights)

    return loss


def fit(
    build: Callable[[Any, TrainingView], nn.Module], config: Training, view: TrainingView, seed: int, report: Report
) -> Predictor:
    """Train a module whose `forward(graph)` gives logits [N, K] on the whole graph."""
    torch.manual_seed(seed)
    task, graph = view.task, view.graph
    module = build(config, view).to(graph.x.device)
    optimizer = torch.optim.AdamW(module.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    loss = training_loss(config, view)

    def validate() -> tuple[float, float]:
        logits, labels = module(graph)[view.validation], view.labels[view.validation]
        return task.score(task.link(logits), labels), task.loss(logits, labels).item()

    run_epochs(module, optimizer, lambda: [module], loss, validate, report, config.clip, config.early_stopping)

    @torch.no_grad()
    def predict(graph: StudentGraph) -> Tensor:
        return task.link(module(graph))

    return predict
