"""The one training loop: minibatches or whole graphs, early stopping on validation.

Floor 0: imports torch and sgn only.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sgn.graph import StudentGraph, TrainingView

Predictor = Callable[[StudentGraph], Tensor]
"""Maps any graph of the training graph's kind to probabilities [N, K]."""


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
    `tell(line)` hears of progress at most every two seconds.
    """

    def __init__(self, epochs: int, patience: int, tell: Callable[[str], None] = lambda line: None) -> None:
        self.epochs, self.patience, self.tell = epochs, patience, tell
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
        return stop


def run_epochs(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Callable[[], Iterable[Any]],
    loss: Callable[[Any], Tensor],
    validate: Callable[[], tuple[float, float]],
    report: Report,
) -> None:
    """Train until `report` says stop, then put the best epoch's weights back.

    `validate` returns (score, loss) on the validation students.
    """
    best: dict[str, Tensor] = {}
    stop, epoch = False, 0
    while not stop:
        epoch += 1
        module.train()
        for batch in batches():
            optimizer.zero_grad()
            loss(batch).backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
        module.eval()
        with torch.no_grad():
            stop = report(epoch, *validate())
        if report.improved:
            best = copy.deepcopy(module.state_dict())
    module.load_state_dict(best)


def fit(
    build: Callable[[Any, TrainingView], nn.Module], config: Any, view: TrainingView, seed: int, report: Report
) -> Predictor:
    """Train a module whose `forward(graph)` gives logits [N, K] on the whole graph.

    `config` has `lr` and `weight_decay` (decoupled; Loshchilov & Hutter, 2019).
    """
    torch.manual_seed(seed)
    task, graph = view.task, view.graph
    module = build(config, view).to(graph.x.device)
    optimizer = torch.optim.AdamW(module.parameters(), lr=config.lr, weight_decay=config.weight_decay)

    def loss(_: None) -> Tensor:
        return task.loss(module(graph)[view.train], view.labels[view.train])

    def validate() -> tuple[float, float]:
        logits, labels = module(graph)[view.validation], view.labels[view.validation]
        return task.score(task.link(logits), labels), task.loss(logits, labels).item()

    run_epochs(module, optimizer, lambda: [None], loss, validate, report)

    @torch.no_grad()
    def predict(graph: StudentGraph) -> Tensor:
        return task.link(module(graph))

    return predict
