"""The cache: a hit equals a miss, a kill leaves nothing, two processes make one entry."""

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.data.cache import arrays, fingerprint, folder


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
    assert [p.name for p in entry.iterdir()] == ["whole"]
    assert not list(tmp_path.glob("kind/*.part-*"))


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
    different = [
        fingerprint(a),
        fingerprint(b),
        fingerprint(a, 1),
        fingerprint(1, a),
        fingerprint({"x": 1}),
        fingerprint("x"),
    ]
    assert len(set(different)) == len(different)
    assert fingerprint({"x": 1, "y": a.tolist()}) == fingerprint({"y": [0, 1, 2], "x": 1})
