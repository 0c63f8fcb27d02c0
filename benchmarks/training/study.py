"""An Optuna study that, broken off and resumed, equals an unbroken one trial for trial.

Only finished trials go into the journal, and each trial has a sampler of its own, seeded by its number; so what a
trial proposes depends on the finished trials before it and on nothing else. So does when it is given up: what trials
had reached on their way is journaled with them. A failure goes there only when it would come again (a loss that
diverges); from any other one on, the next run tries anew, and the outcome says so until then. Optuna's own resumption
goes on with a sampler that has forgotten its random state, and counts what was broken off among the trials.
"""

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import optuna
from filelock import FileLock, Timeout
from optuna.distributions import BaseDistribution
from optuna.pruners import PercentilePruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from benchmarks.data import journal as journals
from benchmarks.data.storage import write_json
from benchmarks.jobs.outcome import ANOTHER_RUN, LOSSES, OK, AllLostError, Outcome, may_pass, said, words
from sgn.errors import NotApplicableError
from sgn.fit import DivergedError

RANDOM_TRIALS = 5
"""Trials before the sampler models the results."""
RUNGS = (1 / 2, 1, 2, 4)
"""Epochs, in units of the patience, after which a trial is compared with earlier ones."""
UNPRUNED = 3
"""Trials that run to their end before one is given up."""
KEPT = 75.0
"""Per cent: a trial goes on where it is not below the lower quartile of earlier ones."""
Fitted = TypeVar("Fitted")
STATES = {TrialState.COMPLETE: "ok", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Best:
    """The winning hyper-parameters with their validation score, and all trials in order."""

    params: dict[str, Any]
    value: float | None  # None where there was nothing to search for
    trials: list[dict[str, Any]]
    lost: list[str] = field(default_factory=list)  # what trials failed of that may pass by itself


class Course:
    """A trial on its way: one training a selection seed, compared with those of earlier trials on the same rungs.

    Compared is the sum over seeds of the best validation score so far: a sum never falls, and it is of the same seeds
    for every trial. A training that ends early keeps its best on the rungs that it did not reach.
    """

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial, self._rung, self._scores = trial, 0, list[float]()

    def run(self, seeds: Iterable[int], fit: Callable[[int], tuple[Fitted, float]]) -> dict[int, Fitted]:
        """One training a seed: what `fit` has fitted, by seed, of whose best score it tells."""
        fitted = {}
        for seed in seeds:
            fitted[seed], score = fit(seed)
            self.end(score)
        return fitted

    @property
    def score(self) -> float:
        """Mean over the trainings that have ended."""
        return sum(self._scores) / len(self._scores)

    def watch(self, spent: float, best: float) -> None:
        """Take the best score after `spent` times the patience; raises TrialPruned when the trial is hopeless."""
        if self._climb(spent, best) and self._trial.should_prune():
            raise optuna.TrialPruned(f"{best:.4f} after {spent:.2g} x patience, in the lowest quarter")

    def end(self, score: float) -> None:
        """Take the best score of a training that has ended."""
        self._climb(math.inf, score)
        self._scores.append(score)
        self._rung = 0

    def _climb(self, spent: float, best: float) -> bool:
        """Report the rungs that are reached now; whether there are any."""
        reached = [rung for rung in range(self._rung, len(RUNGS)) if spent >= RUNGS[rung]]
        for rung in reached:
            self._trial.report(sum(self._scores) + best, len(self._scores) * len(RUNGS) + rung)
        self._rung += len(reached)
        return bool(reached)


def search(
    journal: Path,
    space: Mapping[str, BaseDistribution],
    defaults: Mapping[str, Any],
    trials: int,
    seed: int,
    objective: Callable[[dict[str, Any], Course], None],
    told: Callable[[str], None],
    shared: bool = False,
) -> Best:
    """Maximize the score of the course that `objective` takes over `space`, in `trials` trials; 0 is `defaults`.

    A trial that is given up counts as a trial, and so does one that raises; raises RuntimeError when none succeeds.
    Two processes that want the same study wait for each other. Where it is `shared`, they divide its trials: faster,
    and not reproducible, for what is proposed depends on which trials have ended by then.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    if shared:  # what can be reproduced never goes on from what cannot
        journal = journal.with_suffix(".shared")
    lock = FileLock(f"{journal}.flock")  # held by the process: a killed job leaves none behind
    done: dict[int, FrozenTrial] = {}
    journaled = True

    def attempt(number: int) -> None:
        nonlocal journaled
        with lock:
            done.update({n: trial for n, trial in journals.read(journal).items() if n < trials})
        if number in done:
            return
        sampler = TPESampler(seed=seed * 10_007 + number, n_startup_trials=RANDOM_TRIALS)
        fixed = None if number else {name: defaults[name] for name in space}
        trial, lasting = _try(number, [done[n] for n in sorted(done)], sampler, space, fixed, objective)
        done[number] = trial
        journaled = lasting and (journaled or shared)
        if journaled:
            with lock:
                journals.add(journal, trial)
        _tell(told, number, done)

    if not shared:
        with lock:
            for number in range(trials):
                attempt(number)
        return _best(done)
    # first the trials that nobody is at; then wait for the others', and take over a killed one's
    for seconds in (0, -1):
        for number in range(trials):
            with contextlib.suppress(Timeout), FileLock(f"{journal}.{number}.flock", timeout=seconds):
                attempt(number)
    return _best(done)


def _try(
    number: int,
    earlier: list[FrozenTrial],
    sampler: BaseSampler,
    space: Mapping[str, BaseDistribution],
    fixed: dict[str, Any] | None,
    objective: Callable[[dict[str, Any], Course], None],
) -> tuple[FrozenTrial, bool]:
    """One trial after the `earlier` ones, and whether it would end like this again."""
    pruner = PercentilePruner(KEPT, n_startup_trials=UNPRUNED)
    study = optuna.create_study(
        direction="maximize", sampler=sampler, pruner=pruner
    )  # in memory: a kill leaves nothing
    study.add_trials(earlier)
    if fixed:
        study.enqueue_trial(fixed)
    asked = study.ask(dict(space))
    asked.set_user_attr("number", number)
    course, lasting = Course(asked), True
    try:
        objective(asked.params, course)
        if not math.isfinite(course.score):
            raise DivergedError(f"validation score {course.score}")
        study.tell(asked, course.score)
    except NotApplicableError:
        raise
    except optuna.TrialPruned as reason:
        asked.set_user_attr("reason", str(reason))
        study.tell(asked, state=TrialState.PRUNED)
    except LOSSES as error:
        lasting = isinstance(error, DivergedError)
        asked.set_user_attr("may pass", may_pass(error))
        asked.set_user_attr("reason", words(error))
        asked.set_user_attr("where", "" if lasting else said(error))  # what is journaled is the same wherever it ran
        study.tell(asked, state=TrialState.FAIL)
    return study.trials[-1], lasting


def _best(done: dict[int, FrozenTrial]) -> Best:
    rows = [
        {
            "trial": number,
            "state": STATES[trial.state],
            "value": trial.value if trial.state == TrialState.COMPLETE else math.nan,
            "params": json.dumps(trial.params, sort_keys=True),
            "error": trial.user_attrs.get("reason", ""),
        }
        for number, trial in sorted(done.items())
    ]
    number = _winner(done)
    lost = [trial.user_attrs["where"] for _, trial in sorted(done.items()) if trial.user_attrs.get("may pass")]
    if number is None:
        first = done[min(done)].user_attrs
        reason = f"all {len(done)} trials failed; the first: {first['where'] or first['reason']}"
        raise AllLostError(reason, ANOTHER_RUN if lost else {})
    best = done[number]
    assert best.value is not None
    return Best(best.params, best.value, rows, lost)


def save(found: Mapping[str, Best], output: Path) -> None:
    """Write `best.json`, by split, and `trials.json`.

    Where trials were lost to what may pass, the artifact's outcome says so: the next run tries them again.
    """
    write_json(output / "best.json", {split: {"params": b.params, "value": b.value} for split, b in found.items()})
    write_json(output / "trials.json", [{"split": split, **row} for split, b in found.items() for row in b.trials])
    if lost := [where for best in found.values() for where in best.lost]:
        reason = f"its search lost {len(lost)} trials to what may pass, the first to {lost[0]}"
        Outcome(OK, reason, needs=ANOTHER_RUN).write(output)


def _winner(done: dict[int, FrozenTrial]) -> int | None:
    """Number of the best trial, the earliest among equals; None where none succeeded."""
    complete = [number for number, trial in done.items() if trial.state == TrialState.COMPLETE]
    return max(complete, key=lambda number: (done[number].value, -number), default=None)


def _tell(told: Callable[[str], None], number: int, done: dict[int, FrozenTrial]) -> None:
    trial, winner = done[number], _winner(done)
    if winner is None or trial.state != TrialState.COMPLETE:
        told(f"trial {number} {STATES[trial.state]}: {trial.user_attrs['reason']}")
    else:
        told(f"trial {number}: validation {trial.value:.4f}, best {done[winner].value:.4f}")
