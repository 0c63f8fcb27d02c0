"""The GPUs of a machine, shared out: each job that computes on one has it to itself, or as many shares as it asks for.

Shares are lock files, so that they come back however a job ends, and two workflows do not take the same ones.
"""

import contextlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

POOL = "SGN_GPUS"
"""Environment variable with the GPUs that jobs may take, each as often as it has shares; commas between."""
POLL_SECONDS = 0.2


def pool(names: Sequence[str], shares: int, visible: str = "") -> list[str]:
    """GPUs of a machine where torch finds such as these, each once a share; `visible` is CUDA_VISIBLE_DEVICES there.

    Those of the first one's kind alone, for the numbers of two kinds do not belong together.
    """
    own = visible.split(",") if visible else [str(i) for i in range(len(names))]
    return [gpu for gpu, name in zip(own, names, strict=False) if name == names[0] for _ in range(shares)]


@contextlib.contextmanager
def held(shares: int) -> Iterator[dict[str, str]]:
    """The environment of a job that computes on a GPU: the fullest of the pool that has `shares` left, which it takes.

    So small jobs leave whole GPUs to large ones. Waits until one has as many. Nothing is chosen for a job that asks for
    none, or where there is no pool.
    """
    slots = Counter(os.environ.get(POOL, "").split(",")) if shares and os.environ.get(POOL) else Counter[str]()
    with contextlib.ExitStack() as stack:
        while slots and not (gpu := _taken(slots, shares, stack)):
            time.sleep(POLL_SECONDS)
        yield {"CUDA_VISIBLE_DEVICES": gpu} if slots else {}


def _taken(slots: Counter[str], shares: int, stack: contextlib.ExitStack) -> str:
    """The GPU whose shares are taken now, given back by the `stack`; none where too few are free."""
    place = Path(tempfile.gettempdir()) / f"sgn-gpu-{os.getuid()}"
    with FileLock(f"{place}.lock"):  # one chooses at a time
        free = {
            gpu: [lock for i in range(slots[gpu]) if _locked(lock := FileLock(f"{place}-{gpu}-{i}.lock"))]
            for gpu in slots
        }
        fitting = [gpu for gpu in free if len(free[gpu]) >= min(shares, slots[gpu])]
        best = min(fitting, key=lambda gpu: len(free[gpu]), default="")
        kept = free[best][: min(shares, slots[best])] if best else []
        for lock in kept:
            stack.callback(lock.release)
        for lock in [lock for locks in free.values() for lock in locks if lock not in kept]:
            lock.release()
    return best if kept else ""


def _locked(lock: FileLock) -> bool:
    with contextlib.suppress(Timeout):
        lock.acquire(timeout=0)
    return lock.is_locked
