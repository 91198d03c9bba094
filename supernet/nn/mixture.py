"""Mixtures: the weighted sums of operations that a relaxed super-net computes (DARTS, eq. 2)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Mixture:
    """Weights of the operations at the positions of each kind of cell, from which gradients flow back.

    `operations` (kinds, positions, |O|) in the order of the space's operations. `computed`, of the same shape, is true
    for operations that are executed (None: all); the others count as zero, and their weights get no gradient.
    `positions` (kinds, positions) weighs a whole position, with the channels that bypass its operations (PC-DARTS).
    """

    operations: Tensor
    computed: npt.NDArray[np.bool_] | None = None
    positions: Tensor | None = None

    def sum(self, kind: int, position: int, operation: Callable[[int], Tensor | None]) -> Tensor | None:
        """Return the weighted sum of `operation(number)`, which may be None for zero; None for an empty sum.

        It does not include the weight of the position.
        """
        total: Tensor | None = None
        for number, weight in enumerate(self.operations[kind, position]):
            if self.computed is not None and not self.computed[kind, position, number]:
                continue
            value = operation(number)
            if value is not None:
                total = weight * value if total is None else total + weight * value
        return total

    def edge(
        self,
        kind: int,
        position: int,
        operation: Callable[[int], Tensor | None],
        source: Tensor,
        partial: int,
        zeros: Callable[[], Tensor],
    ) -> Tensor | None:
        """Compute the value of one edge: the weighted sum, the bypassed channels, the weight of the position.

        `operation` is that of `sum`. With `partial` K above 1, `source` (N, C, H, W) gives the channels that bypass
        the operations, and `zeros()` (N, C/K, H', W') replaces an empty sum. Returns None for zero.
        """
        value = self.sum(kind, position, operation)
        if partial > 1:
            value = with_bypass(zeros() if value is None else value, source, partial)
        if value is None or self.positions is None:
            return value
        return self.positions[kind, position] * value


def first_channels(images: Tensor, partial: int) -> Tensor:
    """Return the first 1/K of the channels (N, C, H, W), which pass through the operations (PC-DARTS)."""
    return images if partial == 1 else images[:, : images.shape[1] // partial]


def with_bypass(mixed: Tensor, images: Tensor, partial: int) -> Tensor:
    """Concatenate the mixed first 1/K of the channels (N, C/K, H', W') with the rest of `images` (N, C, H, W).

    Where the operations have a stride, the rest is max-pooled. The channels are then shuffled, so that others pass
    through the next operations (PC-DARTS' code). Returns (N, C, H', W').
    """
    if partial == 1:
        return mixed
    others = images[:, images.shape[1] // partial :]
    if others.shape[2:] != mixed.shape[2:]:
        others = F.max_pool2d(others, 2, 2)
    whole = torch.cat([mixed, others], dim=1)
    n, c, height, width = whole.shape
    return whole.reshape(n, partial, c // partial, height, width).transpose(1, 2).reshape(n, c, height, width)


def partial_width(channels: int, partial: int) -> int:
    """Return 1/K of the channels of a cell, which the operations have; ValueError if K does not divide them."""
    if channels % partial:
        raise ValueError(f"partial_channels: {partial} does not divide {channels} channels")
    return channels // partial


def expect_whole(partial: int) -> None:
    """Raise ValueError if a single path is computed by a network whose operations have 1/K of the channels."""
    if partial != 1:
        raise ValueError(f"partial_channels: found {partial}; a network of whole paths has 1")
