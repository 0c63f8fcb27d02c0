"""What this machine can do at most, measured beside what uses it: the rate of matrix products, of bytes moved."""

import torch

from benchmarks.clock import Case, whole
from benchmarks.speed.names import COPY, PRODUCT

SIDE = {"cpu": 1024, "cuda": 8192}
BYTES = {"cpu": 2**28, "cuda": 2**31}
"""Side of the matrices and size of the copied array: beyond any cache, yet fractions of a second."""


def product(device: str, dtype: torch.dtype = torch.float32, name: str = PRODUCT) -> Case:
    """Square matrices large enough for the best rate."""
    side = SIDE[device.split(":")[0]]
    a, b, out = (torch.randn(side, side, device=device).to(dtype) for _ in range(3))
    repeats = 4
    return Case(
        name, whole(lambda: [torch.mm(a, b, out=out) for _ in range(repeats)]), repeats, "product",
        flops=repeats * 2 * side**3, moved=repeats * 3 * side**2 * a.element_size(),
    )  # fmt: skip


def copy(device: str) -> Case:
    """An array read and another written."""
    size = BYTES[device.split(":")[0]]
    a, b = (torch.zeros(size // 4, device=device) for _ in range(2))
    return Case(COPY, whole(lambda: b.copy_(a)), 2 * size / 1e9, "GB", moved=2 * size)
