"""A model file fitted to a made-up case, under watch: when it stops, what it predicts, what it changes."""

import dataclasses
import functools
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

from benchmarks.contract.cases import CASES, Case, case
from benchmarks.training.runs import fit_of
from sgn.fit import EarlyStopping, Predictor
from sgn.graph import StudentGraph
from sgn.task import Task


class ContractError(Exception):
    """What a model file does wrong, and what to do about it."""


class Watched(EarlyStopping):
    """Early stopping that takes no call after it said stop, and no epoch out of turn."""

    def __init__(self, epochs: int, patience: int) -> None:
        super().__init__(epochs, patience)
        self.calls, self.stopped = 0, False

    def __call__(self, epoch: int, score: float, loss: float = 0.0) -> bool:
        """See `EarlyStopping`; raises ContractError."""
        self.calls += 1
        if self.stopped:
            raise ContractError(
                f"report returned True in epoch {self.calls - 1}, and training went on: end it there, "
                "since who stops is the same rule for every model"
            )
        if epoch != self.calls:
            raise ContractError(
                f"call {self.calls} of report was with epoch {epoch}: count epochs from 1 and report each once"
            )
        self.stopped = super().__call__(epoch, score, loss)
        return self.stopped


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model fitted to a case with its default config: predictor, scores [N, K], and tensors that were changed."""

    case: Case
    predict: Predictor
    scores: Tensor
    changed: tuple[str, ...]


def fitted(module: ModuleType, on: Case, seed: int = 0, epochs: int = 60, patience: int = 20) -> Fitted:
    """Fit and predict; raises ContractError for a model that does not stop, or predicts no probabilities."""
    before = {name: tensor.clone() for name, tensor in _tensors(on).items()}
    predict = fit_of(module)(module.Config(), on.view, seed, Watched(epochs, patience))
    scores = probabilities(predict, on.graph, on.view.task)
    changed = tuple(name for name, tensor in _tensors(on).items() if not torch.equal(tensor, before[name]))
    return Fitted(on, predict, scores, changed)


@functools.cache
def fitted_once(module: ModuleType, name: str) -> Fitted:
    """The fit on a named case, which several checks look at."""
    return fitted(module, case(CASES[name]()))


def _tensors(on: Case) -> dict[str, Tensor]:
    """All that a model is given, by name."""
    view = on.view
    graphs = {"view.graph": view.graph} | ({"graph": on.graph} if on.graph is not view.graph else {})
    found = {"view.labels": view.labels, "view.train": view.train, "view.validation": view.validation}
    for name, graph in graphs.items():
        values = {field.name: getattr(graph, field.name) for field in dataclasses.fields(graph)}
        found |= {f"{name}.{key}": value for key, value in values.items() if isinstance(value, Tensor)}
    return found


def probabilities(predict: Predictor, graph: StudentGraph, task: Task) -> Tensor:
    """What is predicted for a graph [N, K]; raises ContractError where these are no probabilities of that shape."""
    scores = predict(graph)
    if not isinstance(scores, Tensor):
        raise ContractError(f"the predictor gave a {type(scores).__name__}; expected a torch.Tensor [N, K]")
    scores = scores.detach().float()
    check_shape("the predictor", scores, len(graph), task)
    link = "return `view.task.link(logits)`"
    if not torch.isfinite(scores).all():
        row, column = (~torch.isfinite(scores)).nonzero()[0].tolist()
        raise ContractError(
            f"scores[{row}, {column}] is {scores[row, column]:g}, on a {task.kind} task: look for a division by zero "
            "(students without neighbors, without text), or lower the learning rate"
        )
    if scores.min() < 0 or scores.max() > 1:
        row, column = ((scores < 0) | (scores > 1)).nonzero()[0].tolist()
        raise ContractError(
            f"scores[{row}, {column}] is {scores[row, column]:.3f} on a {task.kind} task, and no probability: {link}"
        )
    off = (scores.sum(1) - 1).abs()
    if task.kind == "multiclass" and off.max() > 1e-3:
        row = int(off.argmax())
        raise ContractError(
            f"scores[{row}] sums to {scores[row].sum():.3f}, on a multiclass task, and not to 1: {link}"
        )
    return scores


def check_shape(who: str, found: Tensor, students: int, task: Task) -> None:
    """Raise ContractError for another shape than [N, K]."""
    meaning = {
        "binary": f"one column, for {task.classes[1]!r}",
        "multiclass": "a column a class",
        "multilabel": "a column a question",
    }[task.kind]
    if found.shape != (students, task.num_outputs):
        raise ContractError(
            f"{who} gave shape {list(found.shape)} for {students} students of a {task.kind} task; expected "
            f"[{students}, {task.num_outputs}], {meaning}: make the last layer view.num_outputs wide, squeeze nothing"
        )
