"""Studies: equal when broken off and resumed, honest about failed trials."""

import errno
import json
import math
import multiprocessing
import os
import re
import signal
import time
from collections import Counter
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from benchmarks.data import journal
from benchmarks.jobs import outcome
from benchmarks.training.study import RUNGS, UNPRUNED, Best, Course, save, search
from sgn.errors import NotApplicableError
from sgn.fit import DivergedError

SPACE = {"lr": FloatDistribution(1e-4, 1e-1, log=True), "width": CategoricalDistribution([32, 64])}
DEFAULTS = {"lr": 1e-2, "width": 32, "unused": 1}


class Killed(BaseException):
    """Stands for the end of the process: no code catches it."""


def value(params: dict[str, Any]) -> float:
    return 1 - abs(params["lr"] - 0.003) - (params["width"] == 32) * 0.01


def run(journal: Path, trials: int = 12, die_at: int | None = None) -> Best:
    count = 0

    def dying(params: dict[str, Any], course: Course) -> None:
        nonlocal count
        for seed in (0, 1):  # the score rises with the epochs, to half of it on the one seed
            for epoch in range(1, 17):
                if count == die_at:
                    raise Killed
                course.watch(epoch / 4, value(params) * epoch / 16 / (seed + 1))
            course.end(value(params) / (seed + 1))
        count += 1

    return search(journal, SPACE, DEFAULTS, trials, 7, dying, lambda line: None)


def test_trial_0_is_the_defaults(tmp_path: Path) -> None:
    first = run(tmp_path / "a", trials=1)
    assert first.params == {"lr": 1e-2, "width": 32}


@pytest.mark.parametrize("k", [0, 3, 4])
def test_resumed_equals_unbroken(tmp_path: Path, k: int) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "broken", die_at=k)
    assert run(tmp_path / "broken") == whole
    assert len({row["params"] for row in whole.trials}) == 12
    assert {row["state"] for row in whole.trials} == {"ok", "pruned"}


def test_a_line_cut_short_by_a_kill_is_dropped(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    run(tmp_path / "cut", trials=5)
    written = (tmp_path / "cut").read_bytes()
    (tmp_path / "cut").write_bytes(written[:-20])
    assert run(tmp_path / "cut") == whole


@pytest.mark.parametrize(
    ("file", "at", "left"),
    [("a", 1, 0), ("a", -30, 11), ("a.sums", 3, 0), ("a.sums", -3, 11)],
    ids=["first line", "last trial", "first checksum", "last checksum"],
)
def test_what_is_damaged_in_a_journal_is_not_used(
    tmp_path: Path, file: str, at: int, left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A digit makes another score, which may win; trials before the damage are kept, the others run again."""
    whole = run(tmp_path / "a")
    written = bytearray((tmp_path / file).read_bytes())
    written[at] = ord("9") if written[at] != ord("9") else ord("8")
    (tmp_path / file).write_bytes(written)
    assert run(tmp_path / "a") == whole
    assert f"{tmp_path / 'a'} is damaged after trial {left}" in capsys.readouterr().err


def test_a_journal_is_cut_without_writing_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a disk is full, a write would leave nothing of it."""
    whole = run(tmp_path / "a")

    def full(file: Path, written: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(Path, "write_bytes", full)
        assert len(journal.read(tmp_path / "a")) == len(journal.read(tmp_path / "a")) == len(whole.trials)


def test_optuna_reads_a_journal_as_it_is_and_what_it_adds_goes(tmp_path: Path) -> None:
    """As `optuna-dashboard FILE` does, which writes notes there, too."""
    best = run(tmp_path / "a")
    study = optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(tmp_path / "a"))))
    assert [json.dumps(trial.params, sort_keys=True) for trial in study.trials] == [
        row["params"] for row in best.trials
    ]
    assert (study.best_trial.params, study.best_value) == (best.params, best.value)
    written = (tmp_path / "a").read_bytes()
    study.set_user_attr("note", "mine")
    assert b'"note"' in (tmp_path / "a").read_bytes()
    assert run(tmp_path / "a") == best
    assert b'"note"' not in (tmp_path / "a").read_bytes().removeprefix(written)


def test_a_winning_digit_does_not_win(tmp_path: Path) -> None:
    whole = run(tmp_path / "a")
    written = (tmp_path / "a").read_text(encoding="utf-8")
    (tmp_path / "a").write_text(re.sub(r'"value": ?0\.', '"value":9.', written), encoding="utf-8")
    assert (tmp_path / "a").read_text(encoding="utf-8") != written
    assert run(tmp_path / "a") == whole


def test_more_trials_continue_the_same_study(tmp_path: Path) -> None:
    run(tmp_path / "a", trials=4)
    assert run(tmp_path / "a", trials=12) == run(tmp_path / "b", trials=12)
    assert run(tmp_path / "a", trials=4) == run(tmp_path / "c", trials=4)


def test_failed_trials_count(tmp_path: Path) -> None:
    def sometimes(params: dict[str, Any], course: Course) -> None:
        if params["width"] == 64:
            raise MemoryError("too wide")
        course.end(0.5 if params["lr"] > 1e-3 else float("nan"))

    best = search(tmp_path / "a", SPACE, DEFAULTS, 10, 0, sometimes, lambda line: None)
    failed = [row for row in best.trials if row["state"] == "failed"]
    assert len(best.trials) == 10
    assert failed
    assert {row["error"].split(":")[0] for row in failed} <= {"MemoryError", "DivergedError"}


def test_no_successful_trial_is_an_error(tmp_path: Path) -> None:
    def never(params: dict[str, Any], course: Course) -> None:
        raise error

    causes = {MemoryError("full"): True, RuntimeError("CUDA out of memory"): True, TypeError("no such thing"): False}
    for error, passes in causes.items():
        with pytest.raises(RuntimeError, match=f"all 3 trials failed; the first: {outcome.words(error)}") as told:
            search(tmp_path / "a", SPACE, DEFAULTS, 3, 0, never, lambda line: None)
        assert outcome.needs_of(told.value) == (outcome.ANOTHER_RUN if passes else {}), "a bug comes again"

    def diverging(params: dict[str, Any], course: Course) -> None:
        raise DivergedError("epoch 1")

    with pytest.raises(RuntimeError, match="all 3 trials failed") as told:
        search(tmp_path / "b", SPACE, DEFAULTS, 3, 0, diverging, lambda line: None)
    assert not outcome.needs_of(told.value), "it would come again"


def test_what_does_not_apply_is_no_failed_trial(tmp_path: Path) -> None:
    def never(params: dict[str, Any], course: Course) -> None:
        raise NotApplicableError("no such thing here")

    with pytest.raises(NotApplicableError):
        search(tmp_path / "a", SPACE, DEFAULTS, 3, 0, never, lambda line: None)


def test_a_passing_failure_is_tried_again(tmp_path: Path) -> None:
    """What a retry may mend (a full GPU) is not remembered; a loss that diverges is."""
    broken = True

    def once(params: dict[str, Any], course: Course) -> None:
        if broken and params["width"] != DEFAULTS["width"]:
            raise RuntimeError("CUDA out of memory")
        course.end(params["lr"])

    def search_once() -> Best:
        return search(tmp_path / "a", SPACE, DEFAULTS, 6, 0, once, lambda line: None)

    first = search_once()
    assert "failed" in {row["state"] for row in first.trials}
    (cause,) = set(first.lost)
    assert cause.startswith("RuntimeError: CUDA out of memory")
    save({"0": first}, tmp_path)
    told = outcome.read(tmp_path)
    assert (told.status, told.needs) == ("ok", outcome.ANOTHER_RUN)
    assert told.reason.endswith(f"to what may pass, the first to {cause}")
    broken = False
    second = search_once()
    assert {row["state"] for row in second.trials} == {"ok"}
    assert second == search(tmp_path / "b", SPACE, DEFAULTS, 6, 0, once, lambda line: None)


def test_a_lock_that_a_kill_left_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = Path("cache") / "k.log"  # relative, so that the link dangles
    run(place, trials=2)
    (tmp_path / "cache" / "k.log.lock").symlink_to(place)
    assert len(run(place, trials=3).trials) == 3


def scripted(journal: Path, curves: list[list[list[float]]]) -> Best:
    """A search whose trial i has the best scores `curves[i][s]` on the rungs of seed s, and the last one at its end."""
    left = iter(curves)

    def follow(params: dict[str, Any], course: Course) -> None:
        for *rungs, end in next(left):
            for spent, best in zip(RUNGS, rungs, strict=False):
                course.watch(spent, best)
            course.end(end)

    return search(journal, SPACE, DEFAULTS, len(curves), 7, follow, lambda line: None)


GOOD, BAD = [0.6, 0.7, 0.7, 0.8, 0.8], [0.1, 0.2, 0.2, 0.2, 0.2]


@pytest.mark.parametrize("first", range(UNPRUNED + 2))
def test_a_hopeless_trial_is_given_up_when_enough_have_ended(tmp_path: Path, first: int) -> None:
    best = scripted(tmp_path / "a", [[GOOD]] * first + [[BAD]] + [[GOOD]])
    assert [row["state"] for row in best.trials] == ["ok"] * first + ["pruned" if first >= UNPRUNED else "ok", "ok"]
    assert best.value == 0.8
    given_up = best.trials[first]
    assert math.isnan(given_up["value"]) == (first >= UNPRUNED), "it has no score of a whole trial"
    assert ("0.1000 after 0.5 x patience" in given_up["error"]) == (first >= UNPRUNED)


def test_earlier_trials_are_compared_on_the_same_rung(tmp_path: Path) -> None:
    slow = [0.5, 0.6, 0.6, 0.9, 0.9]  # behind at first
    assert scripted(tmp_path / "a", [[GOOD]] * 3 + [[slow]]).trials[3]["state"] == "pruned"
    assert scripted(tmp_path / "b", [[GOOD]] * 4).trials[3]["state"] == "ok", "as good is not hopeless"
    mixed = [[GOOD], [GOOD], [[0.3, 0.4, 0.4, 0.5, 0.5]], [slow]]  # lower quartile at first: 0.45
    assert scripted(tmp_path / "c", mixed).trials[3]["state"] == "ok"


def test_a_training_that_ended_early_keeps_its_best(tmp_path: Path) -> None:
    """On a rung that none of the earlier trials reached, what they ended with counts."""
    early = [[0.6, 0.7, 0.8]]
    assert scripted(tmp_path / "a", [early] * 3 + [[[0.6, 0.7, 0.80, 0.8]]]).trials[3]["state"] == "ok"
    assert scripted(tmp_path / "b", [early] * 3 + [[[0.6, 0.7, 0.79, 0.8]]]).trials[3]["state"] == "pruned"


def test_seeds_are_added_up(tmp_path: Path) -> None:
    """On the second seed a trial brings along what it had on the first; the score is the mean."""
    good, lost = [GOOD, GOOD], [GOOD, BAD]
    best = scripted(tmp_path / "a", [good] * 3 + [lost, [[0.9], [0.6, 0.6, 0.6, 0.7, 0.9]]])
    assert [row["state"] for row in best.trials] == ["ok"] * 3 + ["pruned", "ok"]
    assert [row["value"] for row in best.trials][::4] == pytest.approx([0.8, 0.9])


def test_what_a_trial_had_reached_is_journaled(tmp_path: Path) -> None:
    scripted(tmp_path / "a", [[GOOD]] * 3 + [[BAD]])
    kept = optuna.load_study(study_name="study", storage=JournalStorage(JournalFileBackend(str(tmp_path / "a"))))
    assert [list(t.intermediate_values.items()) for t in kept.trials[2:]] == [
        [(0, 0.6), (1, 0.7), (2, 0.7), (3, 0.8)], [(0, 0.1)]
    ]  # fmt: skip


def work(journal: Path, start: Barrier, dies: bool) -> None:
    """Take part in a shared search, and note each trial that is begun and the end; or be killed within a trial."""

    def objective(params: dict[str, Any], course: Course) -> None:
        with (journal.parent / "begun").open("a") as file:
            file.write(f"{os.getpid()}\n")
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2)
        course.end(value(params))

    start.wait()
    best = search(journal, SPACE, DEFAULTS, 8, 7, objective, lambda line: None, shared=True)
    (journal.parent / f"best-{os.getpid()}").write_text(json.dumps([best.value, best.trials]))


def test_processes_share_a_study(tmp_path: Path) -> None:
    """No trial is lost, though one worker is killed within its own, and none is done twice."""
    fork = multiprocessing.get_context("fork")
    for crew in ([True], [False, False]):  # who dies
        start = fork.Barrier(len(crew))
        workers = [fork.Process(target=work, args=(tmp_path / "a.log", start, dies)) for dies in crew]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    begun = Counter((tmp_path / "begun").read_text().split())
    assert sorted(begun.values())[0] == 1, "the one that was killed"
    assert len(begun) == 3, "both others took part"
    assert begun.total() == 1 + 8
    found = [json.loads(file.read_text()) for file in tmp_path.glob("best-*")]
    assert found[0] == found[1]
    best, trials = found[0]
    assert [row["trial"] for row in trials] == list(range(8))
    assert json.loads(trials[0]["params"]) == {"lr": 1e-2, "width": 32}, "the defaults, though their worker was killed"
    assert best == max(row["value"] for row in trials)
    assert len({row["params"] for row in trials}) == 8


def test_what_was_shared_is_not_taken_for_what_can_be_reproduced(tmp_path: Path) -> None:
    def end(params: dict[str, Any], course: Course) -> None:
        course.end(value(params))

    shared = search(tmp_path / "a.log", SPACE, DEFAULTS, 3, 7, end, lambda line: None, shared=True)
    lines: list[str] = []
    assert search(tmp_path / "a.log", SPACE, DEFAULTS, 3, 7, end, lines.append).trials == shared.trials
    assert len(lines) == 3, "tried anew"
