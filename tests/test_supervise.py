"""What becomes of a step: the outcome is written whatever happens to the worker."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import learnable, run

from benchmarks import outcome
from benchmarks.storage import save_dataset

MODEL = '''
"""A broken model."""
from dataclasses import dataclass
import torch

@dataclass(frozen=True)
class Config:
    """None."""

def fit(config, view, seed, report):
    {body}
    return lambda graph: torch.full((len(graph), 1), {value})
'''


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a prepared dataset, as the workflow leaves it."""
    for kind in ("data", "sealed"):
        folder = tmp_path / "results" / "t" / kind / "toy"
        folder.mkdir(parents=True)
    base = tmp_path / "results" / "t"
    save_dataset(learnable(), base / "data" / "toy", base / "sealed" / "toy")
    for kind in ("data", "sealed"):
        outcome.Outcome("ok").write(base / kind / "toy")
    return tmp_path


def train(place: Path, body: str, value: str = "0.5", limits: tuple[str, ...] = ()) -> outcome.Outcome:
    """Train a made-up model; what became of it."""
    (place / "model.py").write_text(MODEL.format(body=body, value=value), encoding="utf-8")
    done = run(["sgn", *limits, *flags(place)], place)
    assert done.returncode == 0, done.stderr
    return outcome.read(place / "results/t/predictions/toy/broken")


def flags(place: Path) -> list[str]:
    return (
        f"train --data results/t/data/toy --model {place}/model.py --splits 0 --seeds 0 --epochs 2 --patience 1 "
        "--cache cache --device cpu --output results/t/predictions/toy/broken"
    ).split()


def test_a_model_that_works(place: Path) -> None:
    assert train(place, "report(1, 0.5)").status == "ok"
    folder = place / "results/t/predictions/toy/broken"
    with np.load(folder / "predictions.npz") as file:
        assert file["base/0/0/test"].shape == (60, 1)
    written = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert written["command"].startswith("sgn train --data results/t/data/toy")
    assert written["seconds"] > 0
    assert written["libraries"]["torch"]


@pytest.mark.parametrize(
    ("body", "value", "limits", "reason"),
    [
        ("raise RuntimeError('no luck')", "0.5", (), "RuntimeError: no luck"),
        ("report(1, float('nan'))", "0.5", (), "DivergedError: epoch 1: validation score nan"),
        ("report(1, 0.5)", "float('nan')", (), "gave numbers that are not finite"),
        ("report(1, 0.5); return lambda graph: torch.ones(3, 1)", "0.5", (), "gave shape (3, 1), not (240, 1)"),
        ("import time; time.sleep(60)", "0.5", ("--minutes", "0.1"), "ran past its limit of 0.1 minutes"),
        (
            "x = torch.ones(int(4e8)); import time; time.sleep(60)",
            "0.5",
            ("--memory-mb", "1000"),
            "more than its limit of 1 GB",
        ),
        ("import os; os.kill(os.getpid(), 9)", "0.5", (), "killed by SIGKILL (out of memory, most likely)"),
        ("open('results/t/sealed/toy/labels.npz', 'rb')", "0.5", (), "SealedError"),
        ("import numpy; numpy.load('results/t/sealed/toy/labels.npz')", "0.5", (), "SealedError"),
        ("from pathlib import Path; list(Path('results/t/sealed').iterdir())", "0.5", (), "SealedError"),
        ("import os; open(os.path.join(os.environ['SGN_MIRROR'], 'webkb', 'SOURCE.md'))", "0.5", (), "SealedError"),
    ],
)
def test_a_broken_model_leaves_its_reason(
    place: Path, body: str, value: str, limits: tuple[str, ...], reason: str
) -> None:
    ended = train(place, body, value, limits)
    assert ended.status == "failed"
    assert reason in ended.reason
    assert ended.origin == "results/t/predictions/toy/broken"
    folder = place / "results/t/predictions/toy/broken"
    assert sorted(p.name for p in folder.iterdir()) == ["outcome.json", "provenance.json"]


def test_what_follows_passes_the_outcome_on(place: Path) -> None:
    outcome.Outcome("not available", "no raw file", "results/t/data/toy").write(place / "results/t/data/toy")
    ended = train(place, "report(1, 0.5)")
    assert (ended.status, ended.reason, ended.origin) == ("not available", "no raw file", "results/t/data/toy")


def test_a_worker_dies_with_its_parent_and_the_next_run_starts_clean(place: Path) -> None:
    body = f"open({str(place / 'pid')!r}, 'w').write(str(__import__('os').getpid())); __import__('time').sleep(60)"
    (place / "model.py").write_text(MODEL.format(body=body, value="0.5"), encoding="utf-8")
    env = os.environ | {"PYTHONPATH": str(place)}
    parent = subprocess.Popen([sys.executable, "-m", "benchmarks.cli", *flags(place)], cwd=place, env=env)
    deadline = time.monotonic() + 60
    while not (place / "pid").exists() or not (place / "pid").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, "the worker did not start"
        time.sleep(0.05)
    worker = int((place / "pid").read_text(encoding="utf-8"))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while Path(f"/proc/{worker}").exists() and "Z" not in Path(f"/proc/{worker}/stat").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.05)
    assert not (place / "results/t/predictions/toy/broken").exists()
    assert train(place, "report(1, 0.5)").status == "ok"
    assert not list((place / "results/t/predictions/toy").glob("*.part"))
