"""Some entries of a dimension: by their numbers, or as averages."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Choice:
    """Entries to take, (c,) numbers, or a (c, C) matrix that averages C entries to c; all of them without either."""

    indices: Tensor | None = None
    matrix: Tensor | None = None

    def of(self, values: Tensor, dimension: int) -> Tensor:
        """The chosen entries of a dimension, in its place."""
        if self.indices is not None:
            return values.index_select(dimension, self.indices)
        if self.matrix is None:
            return values
        matrix = self.matrix.to(values.device, values.dtype)
        averaged: Tensor = torch.tensordot(values, matrix, dims=([dimension], [1]))
        return averaged.movedim(-1, dimension)


def averages(channels: int, count: int) -> Tensor:
    """(count, channels): row i averages the entries from ⌊i·C/c⌋ to ⌈(i + 1)·C/c⌉ - 1, as adaptive pooling does."""
    matrix = torch.zeros(count, channels)
    for row in range(count):
        first, end = row * channels // count, -(-(row + 1) * channels // count)
        matrix[row, first:end] = 1 / (end - first)
    return matrix
