"""How any model file is fitted: its own `fit`, or its `build` with the shared training loop; and when it stops."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sgn.fit import EarlyStopping, Predictor, fit


def fit_of(module: ModuleType) -> Callable[..., Predictor]:
    """`fit(config, view, seed, report) -> predictor` of a model module.

    Raises TypeError for a module that has neither `fit` nor `build`.
    """
    if hasattr(module, "fit"):
        return module.fit
    if hasattr(module, "build"):
        return functools.partial(fit, module.build)
    raise TypeError(f"{module.__name__} has neither fit(config, view, seed, report) nor build(config, view)")


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
