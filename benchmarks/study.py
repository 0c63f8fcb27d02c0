"""An Optuna study that, broken off and resumed, equals an unbroken one trial for trial.

Only finished trials go into the journal, and each trial has a sampler of its own, seeded by its number; so what a
trial proposes depends on the finished trials before it and on nothing else. A failure goes there only when it would
come again (a loss that diverges); from any other one on, a retry runs the trials anew.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from sgn.errors import NotApplicableError
from sgn.fit import DivergedError

RANDOM_TRIALS = 5
"""Trials before the sampler models the results."""


@dataclass(frozen=True)
class Best:
    """The winning hyper-parameters with their validation score, and all trials in order."""

    params: dict[str, Any]
    value: float
    trials: list[dict[str, Any]]


def search(
    journal: Path,
    space: Mapping[str, BaseDistribution],
    defaults: Mapping[str, Any],
    trials: int,
    seed: int,
    objective: Callable[[dict[str, Any]], float],
    told: Callable[[str], None],
) -> Best:
    """Maximize `objective` over `space` in `trials` trials, of which number 0 is `defaults`.

    A trial that raises counts as a failed trial; raises RuntimeError when none succeeds. Two processes that want the
    same study wait for each other.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(journal.with_suffix(".flock")):  # held by the process: a killed job leaves none behind
        kept, journaled = _open(journal), True
        study = optuna.create_study(direction="maximize")  # in memory: a killed trial leaves nothing
        for trial in kept.trials[:trials]:
            study.add_trial(trial)
        for number in range(len(study.trials), trials):
            study.sampler = TPESampler(seed=seed * 10_007 + number, n_startup_trials=RANDOM_TRIALS)
            if number == 0:
                study.enqueue_trial({name: defaults[name] for name in space})
            asked = study.ask(dict(space))
            try:
                value = objective(asked.params)
                if not math.isfinite(value):
                    raise DivergedError(f"validation score {value}")
                study.tell(asked, value)
            except NotApplicableError:
                raise
            except Exception as error:
                journaled = journaled and isinstance(error, DivergedError)
                asked.set_user_attr("error", f"{type(error).__name__}: {error}")
                study.tell(asked, state=TrialState.FAIL)
            finished = study.trials[number]
            if journaled:
                kept.add_trial(finished)
            told(_line(finished, study))
        return _best(study.trials)


def _open(journal: Path) -> optuna.Study:
    """The journaled study; what a kill left is dropped: a last line cut short, the journal's own lock."""
    for left in journal.parent.glob(f"{journal.name}.lock*"):
        left.unlink()
    if journal.exists():
        written = journal.read_bytes()
        whole = written[: written.rfind(b"\n") + 1]
        if whole != written:
            journal.write_bytes(whole)
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return optuna.create_study(storage=storage, study_name="study", direction="maximize", load_if_exists=True)


def _best(trials: list[FrozenTrial]) -> Best:
    rows = [
        {
            "trial": t.number,
            "state": "ok" if t.state == TrialState.COMPLETE else "failed",
            "value": t.value if t.state == TrialState.COMPLETE else math.nan,
            "params": json.dumps(t.params, sort_keys=True),
            "error": t.user_attrs.get("error", ""),
        }
        for t in trials
    ]
    complete = [t for t in trials if t.state == TrialState.COMPLETE]
    if not complete:
        raise RuntimeError(f"all {len(trials)} trials failed; the first: {rows[0]['error']}")
    best = max(complete, key=lambda t: (t.value, -t.number))  # the earliest among equals
    assert best.value is not None
    return Best(best.params, best.value, rows)


def _line(trial: FrozenTrial, study: optuna.Study) -> str:
    if trial.state != TrialState.COMPLETE:
        return f"trial {trial.number} failed: {trial.user_attrs['error']}"
    return f"trial {trial.number}: validation {trial.value:.4f}, best {study.best_value:.4f}"
