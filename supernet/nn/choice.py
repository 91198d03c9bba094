"""Choices of entries of a dimension, by index or as averages."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Choice:
    """Indices (c,) to select, or a matrix (c, C) that averages C entries to c; with neither, all entries."""

    indices: Tensor | None = None
    matrix: Tensor | None = None

    def of(self, values: Tensor, dimension: int) -> Tensor:
        """Return `values` with the chosen entries of a dimension."""
        if self.indices is not None:
            return values.index_select(dimension, self.indices)
        if self.matrix is None:
            return values
        matrix = self.matrix.to(values.device, values.dtype)
        averaged: Tensor = torch.tensordot(values, matrix, dims=([dimension], [1]))
        return averaged.movedim(-1, dimension)


def averages(channels: int, count: int) -> Tensor:
    """Return (count, channels): row i averages entries ⌊i·C/c⌋ to ⌈(i + 1)·C/c⌉ - 1, as adaptive pooling does."""
    matrix = torch.zeros(count, channels)
    for row in range(count):
        first, end = row * channels // count, -(-(row + 1) * channels // count)
        matrix[row, first:end] = 1 / (end - first)
    return matrix
