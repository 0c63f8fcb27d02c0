"""What this machine can do at most, measured beside what uses it: the rate of matrix products, of bytes moved."""

import time

import torch

from benchmarks.speed.clock import Case, whole
from benchmarks.speed.names import COPY, PRODUCT

SIDE = {"cpu": 1024, "cuda": 8192}
BYTES = {"cpu": 2**28, "cuda": 2**31}
"""Side of the matrices and size of the copied array: beyond any cache, yet fractions of a second."""

CLEAR = 1.3
"""Speed-up from which bf16 is worth other numbers than those of fp32."""


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


def speedup(device: str, threads: int, size: int = 0, repeats: int = 5) -> float:
    """Seconds of a matrix product in fp32 over those in bf16, each the best of `repeats` after one to warm up."""
    size = size or (4096 if device.startswith("cuda") else 512)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)

    def seconds(matrix: torch.Tensor) -> float:
        taken = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            product = matrix @ matrix
            product[0, 0].item()  # waits for the GPU
            taken.append(time.perf_counter() - start)
        return min(taken[1:])

    try:
        matrix = torch.randn(size, size, device=device)
        return seconds(matrix) / seconds(matrix.bfloat16())
    finally:
        torch.set_num_threads(before)
