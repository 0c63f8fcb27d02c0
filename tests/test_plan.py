"""What `sgn plan` says before a run: the jobs of the dry run, and their cost by a reference and a probe."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, copy_workflow

from benchmarks import plan
from benchmarks.planning import forecast
from benchmarks.planning.forecast import Work, commands, estimate, work

RECIPE = {"weights": "w", "tokens": 64, "finetune": "top-2", "texts": 1000, "epochs": 4, "patience": 1, "trials": 3}
MEASURED: dict[str, Any] = {
    "verbs": {
        "tune": {"jobs": 2, "size": 100, "seconds": 600, "peak_gigabytes": 0.5},
        "finetune": {"jobs": 1, "size": 10, "seconds": 1200, "peak_gigabytes": 1.5},
        "encode": {"jobs": 2, "size": 2 * 64 * 384**2 * 6, "seconds": 60, "peak_gigabytes": 0.8},
    },
    "probe": {"product": 0.002, "step": 0.001, "start": 2.0},
    "gigabytes": {"cache": 3.0, "results": 0.5},
}


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "encoder", lambda name: (6, 10))


def test_what_a_command_does() -> None:
    place = "--data results/t/data/toy"
    tune = (
        f"sgn --minutes 3 --threads 1 tune {place} --states  --splits 0 1 --seeds 7 8 --trials 6 --patience 30 &> a.log"
    )
    assert work(tune) == Work("tune", trainings=24, size=24 * 30)
    train = f"sgn train {place} --states results/t/states/toy/r/frozen --splits 0 --seeds 0 1 --patience 30"
    assert work(train + """ --variants '{"a": {}, "b": {}}'""") == Work("train", 6, size=180)
    recipe = f"--recipe '{json.dumps(RECIPE)}'"
    passes = 64 * 10**2 * 1000 * 4 * 2  # tokens, weights, texts, epochs, layers
    assert work(f"sgn tune-recipe {place} {recipe} --splits 0 1 --seeds 7 8") == Work("tune-recipe", 0, 12, 12 * passes)
    assert work(f"sgn finetune {place} {recipe} --splits 0 --seeds 7 8") == Work("finetune", 0, 2, 2 * passes)
    assert work(f"sgn encode {place} {recipe}") == Work("encode", size=64 * 10**2 * 6, kept=64 * 10)
    assert work("sgn table --name t --records-of results/t/records/toy") == Work("table")
    cells = """--cells '{"a": [1, 2], "b": [3, 4, 5]}'"""
    each = f"sgn finetune {cells} --output results/t/states/toy --data d {recipe} --splits 0 --seeds 7 8"
    assert work(each) == Work("finetune", 0, 6 * 2, 6 * 2 * passes)
    assert work(f"sgn prepare {cells} --output results/t/data/toy") == Work("prepare", size=6)


def test_commands_are_as_many_as_jobs() -> None:
    dry = "all 1\ntable 2\ntotal 3\nShell command: sgn table --name a\n        sgn table --name b\n"
    assert commands(dry) == ["sgn table --name a", "sgn table --name b"]
    with pytest.raises(ValueError, match="plans 2 jobs, and 1 of its lines"):
        commands(dry.replace("sgn table --name b", "cp a b"))
    assert commands("Nothing to be done\n") == []


def minutes(lines: list[str]) -> float:
    return float(re.search(r"time: (\d+) minutes", "\n".join(lines))[1])  # type: ignore[index]


def test_time_follows_size_and_speed() -> None:
    tune, finetune = Work("tune", size=50), Work("finetune", size=20)
    same = MEASURED["probe"]
    assert minutes(estimate([tune], MEASURED, same, 1)) == 5
    assert minutes(estimate([tune, finetune], MEASURED, same, 1)) == 45
    assert minutes(estimate([tune, finetune], MEASURED, same, 3)) == 15
    assert minutes(estimate([tune, finetune], MEASURED, same | {"product": 0.004}, 1)) == 85
    assert minutes(estimate([tune, finetune], MEASURED, same | {"step": 0.004}, 1)) == 60
    assert minutes(estimate([Work("table")] * 60, MEASURED, same | {"start": 4.0}, 1)) == 4
    alone = {"timing": {"jobs": 2, "size": 2, "seconds": 600, "peak_gigabytes": 1.0}}
    timed = MEASURED | {"verbs": MEASURED["verbs"] | alone}
    assert minutes(estimate([tune, Work("timing"), Work("timing")], timed, same, 5)) == 11, "nothing runs beside it"


def test_disk_follows_what_is_cached_of_each_text_and_not_how_often_it_is_learned_from() -> None:
    read = Work("encode", size=64 * 384**2 * 6, kept=64 * 384)
    long_and_wide = Work("encode", size=256 * 768**2 * 12, kept=256 * 768)
    for jobs, gigabytes in (([read] * 2, 3.0), ([read, Work("finetune", size=10**9)], 1.5), ([long_and_wide], 12.0)):
        lines = estimate(jobs, MEASURED, MEASURED["probe"], 1)
        assert f"disk: {gigabytes:.1f} GB of cache, 0.5 of results" in lines
    textless = MEASURED | {"verbs": {"tune": MEASURED["verbs"]["tune"]}}
    lines = estimate([read], textless, MEASURED["probe"], 1)
    assert "too low: encode of which the reference knows nothing" in lines


def test_memory_is_of_jobs_at_once_and_what_is_unknown_is_said() -> None:
    lines = estimate([Work("tune"), Work("finetune")], MEASURED, MEASURED["probe"], 2)
    assert "memory: 3.0 GB at most" in lines
    assert not [line for line in lines if "too low" in line]
    lines = estimate([Work("timing"), Work("table")], MEASURED, MEASURED["probe"], 2)
    assert [line for line in lines if "too low" in line] == ["too low: timing of which the reference knows nothing"]


def test_the_probe_takes_seconds_and_is_of_this_machine() -> None:
    found = forecast.probe(threads=1)
    assert found.keys() == MEASURED["probe"].keys()
    assert 1e-4 < found["product"] < 1
    assert 1e-5 < found["step"] < 1
    assert 0.1 < found["start"] < 60


def test_the_smoke_tier_is_planned_job_by_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The jobs by verb are those of the dry run by rule, and so are trainings and trials by the config."""
    folder = copy_workflow(tmp_path)
    monkeypatch.chdir(folder)
    dry = forecast.dry_run(Path("config/smoke.yaml"))
    monkeypatch.setattr(plan, "dry_run", lambda config: dry)
    monkeypatch.setattr(plan, "probe", lambda threads: MEASURED["probe"])
    plan.run(Path("config/smoke.yaml"), ROOT / plan.REFERENCE)
    printed = capsys.readouterr().out
    rows = {line.split()[0]: int(line.split()[1]) for line in re.findall(r"^[\w-]+ +\d+ .*$", printed, re.M)}
    rules = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", dry, re.M)}
    assert sum(rows.values()) == rules.pop("total") - rules["all"]
    assert rows["tune"] == rules["tune"]
    assert rows["train"] == rules["train"]
    assert rows["finetune"] == rules["finetune"]
