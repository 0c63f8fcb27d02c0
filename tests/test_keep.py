"""What may be kept as a tier's results: what its config asks for, by code that a commit holds."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import keep
from benchmarks.jobs import checksums, provenance, source


def git(folder: Path, *words: str) -> None:
    me = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", *me, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one committed file, which stands for ours."""
    monkeypatch.setattr(source, "ROOT", tmp_path)
    (tmp_path / "model.py").write_text("x = 1\n", encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "A model")
    return tmp_path


def test_the_commit_and_what_it_lacks(repository: Path) -> None:
    mine, other = repository / "mine.py", repository / "other.py"
    assert provenance._commit([repository / "model.py"])[1] == []
    mine.touch()
    other.touch()
    assert provenance._commit([repository / "model.py", mine])[1] == ["mine.py"], "the other is no code of this step"
    (repository / "model.py").write_text("x = 2\n", encoding="utf-8")
    assert provenance._commit([mine])[1] == ["mine.py", "model.py"]
    assert provenance._commit([repository.parent / "away.py"])[1] == ["../away.py", "model.py"]


def test_a_step_names_its_own_code() -> None:
    told = provenance.provenance(1, ["benchmarks.train", "--model", "baselines.gcn", "--recipe", '{"a": "b.c"}'])
    assert told["code"] == source.code_hash("benchmarks.train", "baselines.gcn")
    assert source.mentioned(
        '{"gcn": {"module": "baselines.gcn"}, "mine": "examples/my_model.py", "x": "0.5 data"}'
    ) == [
        "baselines.gcn",
        "examples/my_model.py",
    ]


def step(trials: int = 4, **more: Any) -> dict[str, Any]:
    command = f"sgn tune --data results/t/data/toy --trials {trials} --output results/t/tuning/toy/mlp"
    return {"command": command, "commit": "abc", "uncommitted": [], "threads": 1, **more}


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"commit": "abc+", "uncommitted": ["mine.py"]}, r"commit, and run again\n  mine.py \(1 steps\)"),
        ({"commit": "", "uncommitted": ["sgn/fit.py"]}, r"sgn/fit.py"),
        ({"commit": ""}, "not known"),
    ],
    ids=["untracked", "no git", "an older step without git"],
)
def test_code_that_no_commit_holds_is_refused_by_name(told: dict[str, Any], reason: str) -> None:
    keep.check_code({Path("x"): step()})
    with pytest.raises(SystemExit, match=reason):
        keep.check_code({Path("x"): step() | told})


def test_what_is_damaged_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "runs.parquet").write_bytes(b"numbers")
    checksums.write(tmp_path)
    keep.check_code({tmp_path: step()})
    (tmp_path / "runs.parquet").write_bytes(b"members")
    with pytest.raises(SystemExit, match=r"runs.parquet is damaged"):
        keep.check_code({tmp_path: step()})


def test_what_the_config_does_not_ask_for_is_refused_with_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = f"sgn --minutes 5 --threads 1 {step()['command'][4:]} &> logs/x.log"
    monkeypatch.setattr(keep, "dry_run", lambda *configs, everything: planned)
    monkeypatch.setattr(keep, "commands", lambda plan: [plan])
    config = [Path("config/t.yaml")]
    keep.check_config({Path("x"): step()}, config)
    keep.check_config({Path("x"): step(2, skipped="no data")}, config)
    with pytest.raises(
        SystemExit, match=r"config/t.yaml asks.*\n  tune --trials: 2, and the config asks for 4 \(1 steps"
    ):
        keep.check_config({Path("x"): step(2)}, config)
    with pytest.raises(SystemExit, match="tune --threads: 2, and the config asks for 1"):
        keep.check_config({Path("x"): step(threads=2)}, config)
