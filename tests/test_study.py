"""Studies: equal when broken off and resumed, honest about failed trials."""

from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from benchmarks.study import Best, search
from sgn.errors import NotApplicableError

SPACE = {"lr": FloatDistribution(1e-4, 1e-1, log=True), "width": CategoricalDistribution([32, 64])}
DEFAULTS = {"lr": 1e-2, "width": 32, "unused": 1}


class Killed(BaseException):
    """Stands for the end of the process: no code catches it."""


def objective(params: dict[str, Any]) -> float:
    return -abs(params["lr"] - 0.003) - (params["width"] == 32) * 0.01


def run(journal: Path, trials: int = 12, die_at: int | None = None) -> Best:
    count = 0

    def dying(params: dict[str, Any]) -> float:
        nonlocal count
        if count == die_at:
            raise Killed
        count += 1
        return objective(params)

    return search(journal, SPACE, DEFAULTS, trials, 7, dying, lambda line: None)


def test_trial_0_is_the_defaults(tmp_path: Path) -> None:
    first = run(tmp_path / "a", trials=1)
    assert first.params == {"lr": 1e-2, "width": 32}


@pytest.mark.parametrize("k", [0, 3, 8])
def test_resumed_equals_unbroken(tmp_path: Path, k: int) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "broken", die_at=k)
    assert run(tmp_path / "broken") == whole
    assert len({row["params"] for row in whole.trials}) == 12


def test_a_line_cut_short_by_a_kill_is_dropped(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    run(tmp_path / "cut", trials=5)
    written = (tmp_path / "cut").read_bytes()
    (tmp_path / "cut").write_bytes(written[:-20])
    assert run(tmp_path / "cut") == whole


def test_more_trials_continue_the_same_study(tmp_path: Path) -> None:
    run(tmp_path / "a", trials=4)
    assert run(tmp_path / "a", trials=12) == run(tmp_path / "b", trials=12)
    assert run(tmp_path / "a", trials=4) == run(tmp_path / "c", trials=4)


def test_failed_trials_count(tmp_path: Path) -> None:
    def sometimes(params: dict[str, Any]) -> float:
        if params["width"] == 64:
            raise MemoryError("too wide")
        return 0.5 if params["lr"] > 1e-3 else float("nan")

    best = search(tmp_path / "a", SPACE, DEFAULTS, 10, 0, sometimes, lambda line: None)
    failed = [row for row in best.trials if row["state"] == "failed"]
    assert len(best.trials) == 10
    assert failed
    assert {row["error"].split(":")[0] for row in failed} <= {"MemoryError", "DivergedError"}


def test_no_successful_trial_is_an_error(tmp_path: Path) -> None:
    def never(params: dict[str, Any]) -> float:
        raise RuntimeError("no such thing")

    with pytest.raises(RuntimeError, match=r"all 3 trials failed; the first: RuntimeError: no such thing"):
        search(tmp_path / "a", SPACE, DEFAULTS, 3, 0, never, lambda line: None)


def test_what_does_not_apply_is_no_failed_trial(tmp_path: Path) -> None:
    def never(params: dict[str, Any]) -> float:
        raise NotApplicableError("no such thing here")

    with pytest.raises(NotApplicableError):
        search(tmp_path / "a", SPACE, DEFAULTS, 3, 0, never, lambda line: None)


def test_a_passing_failure_is_tried_again(tmp_path: Path) -> None:
    """What a retry may mend (a full GPU) is not remembered; a loss that diverges is."""
    broken = True

    def once(params: dict[str, Any]) -> float:
        if broken and params["width"] != DEFAULTS["width"]:
            raise RuntimeError("CUDA out of memory")
        return params["lr"]

    def search_once() -> Best:
        return search(tmp_path / "a", SPACE, DEFAULTS, 6, 0, once, lambda line: None)

    first = search_once()
    assert "failed" in {row["state"] for row in first.trials}
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
