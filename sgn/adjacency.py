"""Sparse operators over the students of a graph: who reads whom, and with what weight.

Level 0: imports torch only.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

# we use nothing of it but products, which the tests hold against dense ones
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")


@dataclass(frozen=True, eq=False)
class Adjacency:
    """A sparse operator [N, N] with its transpose, both CSR: the product's gradient needs the transpose."""

    matrix: Tensor
    transpose: Tensor

    @classmethod
    def of(cls, rows: Tensor, columns: Tensor, values: Tensor, n: int) -> "Adjacency":
        """Sum of `values` at (rows, columns); repeated places add up."""
        places = torch.stack([rows, columns])
        matrix = torch.sparse_coo_tensor(places, values, (n, n), check_invariants=True).coalesce()
        return cls(matrix.to_sparse_csr(), matrix.t().coalesce().to_sparse_csr())

    @classmethod
    def mean(cls, rows: Tensor, columns: Tensor, weights: Tensor, n: int) -> "Adjacency":
        """Weighted mean over the columns of each row; zero where there is none."""
        return cls.of(rows, columns, weights / sum_by(rows, weights, n)[rows], n)

    def __matmul__(self, h: Tensor) -> Tensor:
        """Propagate h [N, d]."""
        return _Product.apply(self.matrix, self.transpose, h)

    def thinned(self, share: float) -> "Adjacency":
        """Each entry off the diagonal left out with probability `share`, the others larger so that the mean stays."""
        rows, columns = self.places
        kept = torch.rand(len(rows), device=rows.device) >= share
        scale = torch.where(rows == columns, 1.0, kept / (1 - share))
        values = self.matrix.values() * scale
        return Adjacency(_like(self.matrix, values), _like(self.transpose, values[self._transposed]))

    @cached_property
    def places(self) -> tuple[Tensor, Tensor]:
        """Row and column of each entry."""
        counts = self.matrix.crow_indices().diff()
        return torch.arange(len(counts), device=counts.device).repeat_interleave(counts), self.matrix.col_indices()

    @cached_property
    def edges(self) -> tuple[Tensor, Tensor]:
        """Edges [2, E] and values [E] as PyG's convolutions take them: row 0 points to row 1, which reads it."""
        readers, read = self.places
        return torch.stack([read, readers]), self.matrix.values()

    @cached_property
    def _transposed(self) -> Tensor:
        """Entries in the order in which the transpose holds them."""
        rows, columns = self.places
        return (columns * self.matrix.shape[0] + rows).argsort()


def _like(matrix: Tensor, values: Tensor) -> Tensor:
    return torch.sparse_csr_tensor(
        matrix.crow_indices(), matrix.col_indices(), values, matrix.shape, check_invariants=False
    )


class _Product(torch.autograd.Function):
    """Sparse times dense with a gradient for the dense side only."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transpose: Tensor, h: Tensor) -> Tensor:
        ctx.save_for_backward(transpose)
        return matrix @ h

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        (transpose,) = ctx.saved_tensors
        return None, None, transpose @ gradients[0].contiguous()


def sum_by(index: Tensor, values: Tensor, n: int) -> Tensor:
    """Sums [n] of the values [E] that share an index < n."""
    return values.new_zeros(n).index_add_(0, index, values)
