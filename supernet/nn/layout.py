"""Concatenation and subsampling whose gradients keep the memory format of the features.

Autograd gives the gradient of a concatenation as slices of one tensor, and that of a slice in torch's default format.
The layers before it are then several times slower: in channels_last batch norm 7 times, ReLU 15 times.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


def concatenate(tensors: list[Tensor]) -> Tensor:
    """(N, c_i, H, W) each to (N, sum of c_i, H, W)."""
    if len(tensors) == 1:
        return tensors[0]
    joined: Tensor = _Concatenate.apply(*tensors)
    return joined


def every_second(images: Tensor, first: int = 0) -> Tensor:
    """(N, C, H, W) to every second row and column from `first` on."""
    kept: Tensor = _EverySecond.apply(images, first)
    return kept


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
    @staticmethod
    def forward(context: Any, images: Tensor, first: int) -> Tensor:
        context.shape, context.first, context.format = images.shape, first, _format(images)
        return images[:, :, first::2, first::2].contiguous(memory_format=context.format)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        first = context.first
        spread = torch.empty(
            context.shape, dtype=gradient.dtype, device=gradient.device, memory_format=context.format
        ).zero_()
        spread[:, :, first::2, first::2] = gradient
        return spread, None
