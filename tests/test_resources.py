"""What jobs are said to take, and who gets which GPU: counted without a GPU, as the machine would be told."""

import json
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import yaml
from conftest import ROOT, planned_flow

from benchmarks.jobs import gpus
from benchmarks.planning import workflow


def test_a_verb_takes_what_it_was_seen_to_take(tmp_path: Path) -> None:
    told = {
        "reference/c/provenance.json": {"verbs": {"train": {"peak_gigabytes": 0.4}, "tune": {"peak_gigabytes": 0.8}}},
        "reference/b/provenance.json": {"verbs": {"train": {"peak_gigabytes": 2.0}}},
        "t/predictions/toy/mlp/provenance.json": {"command": "sgn train --data d", "peak_gigabytes": 1.0},
        "t/tuning/toy/mlp/provenance.json": {"command": "sgn tune --data d", "peak_gigabytes": 1.6},
        "t/tuning/toy/gcn/provenance.json": {"command": "sgn tune --data d", "skipped": "d: failed"},
        "t/data/phase/cell=1/provenance.json": {"sources": {}},
    }  # fmt: skip
    for file, content in told.items():
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(json.dumps(content), encoding="utf-8")
    for file, damaged in {"t/tuning/toy/gcn": "{", "t/data/toy": "[]", "reference/a": "[1]"}.items():
        (tmp_path / file).mkdir(parents=True, exist_ok=True)
        (tmp_path / file / "provenance.json").write_text(damaged, encoding="utf-8")
    known = workflow.known_memory(tmp_path / "t", tmp_path / "reference")
    assert known == {"train": 2000 * workflow.ROOM, "tune": 1600 * workflow.ROOM}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The smoke tier on a machine with two GPUs; a plan changes the environment."""
    for variable in ("PATH", "SGN_MIRROR", gpus.POOL):
        monkeypatch.setenv(variable, "")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(workflow, "_gpus", lambda: ["A", "A"])
    told = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text(encoding="utf-8")) | {"device": "cuda"}
    (tmp_path / "tier.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    return tmp_path / "tier.yaml"


def test_jobs_take_what_is_known_and_what_they_compute_on(config: Path) -> None:
    """The limit is apart and above; the total is the machine's; a small training takes a part of a GPU."""
    with planned_flow(config) as flow:
        jobs = {job.rule.name: job.resources for job in flow.dag.jobs if "limit_mb" in job.resources.keys()}  # noqa: SIM118
        total = {name: flow.global_resources[name].value for name in ("mem", "gpu")}
        commands = {job.rule.name: job.shellcmd for job in flow.dag.jobs if job.rule.name in jobs}
    assert jobs.keys() >= {"prepare", "train", "score"}
    assert {job["limit_mb"] for job in jobs.values()} == {4000}
    assert all(job["mem_mb"] < 4000 for job in jobs.values())
    assert 0 < total["mem"] <= psutil.virtual_memory().total / 1e6
    large = {"encode", "finetune", "tune_recipe"}
    small = {"tune", "train"}
    shares = total["gpu"] // 2
    assert shares > 1
    expected = dict.fromkeys(jobs, 0) | dict.fromkeys(large, shares) | dict.fromkeys(small, 1)
    assert {rule: job["gpu"] for rule, job in jobs.items()} == expected
    for rule in large | small:
        assert f"sgn --minutes 5 --memory-mb 4000 --gpu-shares {expected[rule]} " in commands[rule]


def test_what_is_given_goes_before_what_the_machine_has(config: Path) -> None:
    with planned_flow(config, mem_mb=321, gpu=1) as flow:
        jobs = [job.resources for job in flow.dag.jobs if job.rule.name in ("finetune", "score")]
    assert {job["mem_mb"] for job in jobs} == {321}, "no job takes more than there is"
    assert {job["gpu"] for job in jobs} == {0, 1}


@pytest.mark.parametrize(
    ("names", "visible", "expected"),
    [
        ([], "", []),
        (["A", "A"], "", ["0", "0", "1", "1"]),
        (["A", "B", "A"], "", ["0", "0", "2", "2"]),
        (["A", "A"], "3,GPU-7", ["3", "3", "GPU-7", "GPU-7"]),
    ],
)
def test_the_pool_is_of_one_kind(names: list[str], visible: str, expected: list[str]) -> None:
    assert gpus.pool(names, 2, visible) == expected


def test_each_job_has_a_gpu_and_small_ones_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(workflow, "_gpus", lambda: ["A", "A"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with gpus.held(1) as alone:
        assert alone == {}, "without a workflow nothing is chosen"
    monkeypatch.setenv(gpus.POOL, "")
    assert workflow.gpu_shares("cpu", 2) == 0
    assert workflow.gpu_shares("cuda", 2) == 4
    with ExitStack() as stack:
        got = [stack.enter_context(gpus.held(shares))["CUDA_VISIBLE_DEVICES"] for shares in (2, 1, 1)]
        assert got == ["0", "1", "1"], "a large job has one to itself"
        monkeypatch.setattr(gpus.time, "sleep", lambda seconds: stack.close())
        with gpus.held(2) as last:
            assert last == {"CUDA_VISIBLE_DEVICES": "0"}, "it waited until the others had ended"
    with gpus.held(1) as first, gpus.held(1) as second, gpus.held(0) as none:
        assert [first["CUDA_VISIBLE_DEVICES"], second["CUDA_VISIBLE_DEVICES"]] == ["0", "0"], "a large job finds room"
        assert none == {}
