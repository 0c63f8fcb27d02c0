"""The cache: a hit equals a miss, a kill leaves nothing, two processes make one entry."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import random_graph

from benchmarks import cache as cache_verb
from benchmarks.data.cache import USED, arrays, fingerprint, folder
from benchmarks.jobs import checksums
from benchmarks.jobs.environment import environment
from benchmarks.training import views


def test_hit_equals_miss(tmp_path: Path) -> None:
    made = []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"a": np.arange(6.0).reshape(2, 3), "b": np.array("text")}

    miss, hit = arrays(tmp_path, "kind", "k" * 40, make), arrays(tmp_path, "kind", "k" * 40, make)
    assert len(made) == 1
    for name in miss:
        assert miss[name].dtype == hit[name].dtype
        assert np.array_equal(miss[name], hit[name])


def test_what_breaks_off_leaves_no_entry(tmp_path: Path) -> None:
    def broken(part: Path) -> None:
        (part / "half").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder(tmp_path, "kind", "k" * 40, broken)
    assert not (tmp_path / "kind" / ("k" * 32)).exists()
    entry = folder(tmp_path, "kind", "k" * 40, lambda part: (part / "whole").touch())
    assert {p.name for p in entry.iterdir()} == {"whole", "checksums.json"}
    assert not list(tmp_path.glob("kind/*.part-*"))


def flipped(file: Path) -> None:
    """Change one bit in the middle of a file."""
    written = bytearray(file.read_bytes())
    written[len(written) // 2] ^= 1
    file.write_bytes(written)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a bit": lambda entry: flipped(entry / "arrays.npz"),
    "nothing was written": lambda entry: (entry / "arrays.npz").write_bytes(b""),
    "a file is gone": lambda entry: (entry / "arrays.npz").unlink(),
    "a bit of the list": lambda entry: flipped(entry / "checksums.json"),
    "an empty list": lambda entry: (entry / "checksums.json").write_bytes(b""),
    "the list is gone": lambda entry: (entry / "checksums.json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_named_and_made_anew(
    tmp_path: Path, damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    made = []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return {"a": np.arange(600.0)}

    arrays(tmp_path, "kind", "k" * 40, make)
    entry = tmp_path / "kind" / ("k" * 32)
    damage(entry)
    assert np.array_equal(arrays(tmp_path, "kind", "k" * 40, make)["a"], np.arange(600.0))
    assert len(made) == 2
    assert str(entry) in capsys.readouterr().err
    arrays(tmp_path, "kind", "k" * 40, make)
    assert len(made) == 2, "the new one is whole"


def test_a_flipped_bit_of_what_is_mapped_is_not_used(tmp_path: Path) -> None:
    """Nothing but the checksum tells: activations are neither a zip nor read by a parser."""

    def make(part: Path) -> None:
        np.save(part / "activations.npy", np.ones(1000, np.float32))

    flipped(folder(tmp_path, "kind", "k" * 40, make) / "activations.npy")
    entry = folder(tmp_path, "kind", "k" * 40, make)
    assert (np.load(entry / "activations.npy", mmap_mode="r") == 1).all()


def test_an_entry_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else power that fails right after leaves its name, and empty files."""
    order: list[str] = []
    sync, rename = checksums.keep, Path.replace
    monkeypatch.setattr(checksums, "keep", lambda path: (order.append(path.name), sync(path)))
    monkeypatch.setattr(Path, "replace", lambda path, to: (order.append("renamed"), rename(path, to)))
    arrays(tmp_path, "kind", "k" * 40, lambda: {"a": np.arange(3)})
    *before, part, renamed, kind = order
    assert before == ["arrays.npz", "checksums.json"]
    assert (part.split(".")[0], renamed, kind) == ("k" * 32, "renamed", "kind")


def _slow(root: Path) -> None:
    def make(part: Path) -> None:
        with (root / "made").open("a", encoding="utf-8") as log:
            log.write("x")
        time.sleep(0.5)

    folder(root, "kind", "k" * 40, make)


def test_two_processes_make_one_entry(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_slow, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "made").read_text(encoding="utf-8") == "x"


def test_fingerprint_depends_on_order_type_and_value() -> None:
    a, b = np.arange(3), np.arange(3, dtype=np.int32)
    tensor, view = torch.arange(3), [random_graph(directed=False), random_graph(seed=1)]
    assert fingerprint(tensor) == fingerprint(a)
    different = [
        *(fingerprint(graph) for graph in view),
        fingerprint(replace(view[0], weights=2 * view[0].weights)),
        fingerprint(replace(view[0], directed=True)),
        fingerprint(a),
        fingerprint(b),
        fingerprint(a, 1),
        fingerprint(1, a),
        fingerprint({"x": 1}),
        fingerprint("x"),
    ]
    assert len(set(different)) == len(different)
    assert fingerprint({"x": 1, "y": a.tolist()}) == fingerprint({"y": [0, 1, 2], "x": 1})


def test_results_of_another_environment_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    here, cpu = views.arithmetic(torch.device("cpu")), torch.device("cpu")
    assert here.items() >= environment("cpu").items()
    monkeypatch.setattr(views, "environment", lambda device: environment(device) | {"numpy": "1.0"})
    assert fingerprint(views.arithmetic(cpu)) != fingerprint(here)


def test_the_cache_is_shown_and_pruned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What results were made with stays, and so does what was used of late."""
    kept, old, new = (str(n) * 40 for n in range(3))
    for key in (kept, old, new):
        arrays(tmp_path / "cache", "runs", key, lambda: {"a": np.arange(3)})
    for suffix in ("log", "log.sums", "log.flock"):
        file = tmp_path / "cache" / "studies" / f"{old[:32]}.{suffix}"
        file.parent.mkdir(exist_ok=True)
        file.touch()
    for path in (tmp_path / "cache").glob("*/*"):
        if not path.name.startswith("2"):
            os.utime(path, (0, 0))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "provenance.json").write_text(json.dumps({"cache": [f"runs/{kept[:32]}"]}))
    show = {"cache": tmp_path / "cache", "results": tmp_path / "results"}
    cache_verb.run(**show)
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    assert (lines["runs"][1], lines["runs"][-2], lines["studies"][1]) == ("3", "2", "1")
    assert len(list((tmp_path / "cache" / "runs").iterdir())) == 6, "to look removes nothing"
    cache_verb.run(**show, prune=True)
    left = {path.name[0] for path in (tmp_path / "cache").glob("*/*")}
    assert left == {"0", "2"}
    arrays(tmp_path / "cache", "runs", old, lambda: {"a": np.arange(3)})
    assert {f"runs/{key[:32]}" for key in (kept, old, new)} <= USED
