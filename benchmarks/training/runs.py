"""How any model file is fitted: its own `fit`, or its `build` with the shared training loop; when it stops; its run."""

import functools
import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.training.views import Views
from sgn.fit import DivergedError, EarlyStopping, Predictor, fit
from sgn.graph import StudentGraph, TrainingView

STATES = re.compile(r"\.(states|logits|encoder)\b")
"""What a graph or view has of a recipe, as a model's code names it."""


def fit_of(module: ModuleType) -> Callable[..., Predictor]:
    """`fit(config, view, seed, report) -> predictor` of a model module.

    Raises TypeError for a module that has neither `fit` nor `build`.
    """
    if hasattr(module, "fit"):
        return functools.partial(_told_of_states, module, module.fit)
    if hasattr(module, "build"):
        return functools.partial(_told_of_states, module, functools.partial(fit, module.build))
    raise TypeError(f"{module.__name__} has neither fit(config, view, seed, report) nor build(config, view)")


def _told_of_states(
    module: ModuleType, fit: Callable[..., Predictor], config: Any, view: TrainingView, *rest: Any
) -> Predictor:
    """Fit; raises ValueError for a model that trips over states that it has not, for it has no recipe."""
    try:
        return fit(config, view, *rest)
    except (AttributeError, TypeError) as error:
        if view.graph.states is None and "NoneType" in str(error) and STATES.search(inspect.getsource(module)):
            raise ValueError(
                f"{module.__file__} reads the states of a text encoder, and its entry in the config names none: "
                "models: {<name>: {module: ..., recipe: <one of recipes>}}"
            ) from error
        raise


def stopping(
    config: Any,
    epochs: int,
    patience: int,
    tell: Callable[[str], None],
    watch: Callable[[float, float], None] = lambda spent, best: None,
) -> EarlyStopping:
    """The one early-stopping rule, or the tighter one that a config names; with `early_stopping` off, all epochs."""
    epochs = min(epochs, getattr(config, "epochs", None) or epochs)
    patience = min(patience, getattr(config, "patience", None) or patience)
    return EarlyStopping(epochs, patience if getattr(config, "early_stopping", True) else epochs, tell, watch)


def predictions_of(
    module: ModuleType, config: Any, views: Views, test: Tensor, seed: int, report: EarlyStopping, name: str
) -> dict[str, np.ndarray]:
    """Train, and the probabilities of "validation" and of "test" students, whose ids are `test`.

    Validation students are scored in the graph that selected the model, test students in the whole one. Raises
    ValueError for scores that are no probabilities, DivergedError where they are not finite.
    """
    view = views.training
    predict = fit_of(module)(config, view, seed, report)
    validation = _probabilities(predict, view.graph, view, name)[view.validation]
    return {
        "validation": validation.numpy(),
        "test": _probabilities(predict, views.prediction, view, name)[test].numpy(),
    }


def _probabilities(predict: Predictor, graph: StudentGraph, view: TrainingView, name: str) -> Tensor:
    scores = predict(graph).detach().float().cpu()
    expected = (len(graph), view.num_outputs)
    if tuple(scores.shape) != expected:
        raise ValueError(f"{name}: the predictor gave shape {tuple(scores.shape)}, not {expected}")
    if not torch.isfinite(scores).all():
        raise DivergedError(f"{name}: the predictor gave numbers that are not finite")
    sums = scores.sum(1) if view.task.kind == "multiclass" else torch.ones(1)
    if scores.min() < 0 or scores.max() > 1 or (sums - 1).abs().max() > 1e-3:
        raise ValueError(f"{name}: the predictor gave numbers that are no probabilities; logits need the task's link")
    return scores
