"""The torch functions that the fast kernels replace, with the same arguments and results as the fast ones."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F


def convolve(images: Tensor, weight: Tensor, stride: int, padding: int, dilation: int, by_channel: bool) -> Tensor:
    """Compute `supernet.nn.fast.convolution.convolve` by `conv2d`."""
    if stride == 2 and weight.shape[-1] == 1:
        # The backward pass of oneDNN's strided 1x1 convolution of fewer than 8 channels writes past its buffers.
        images, stride = images[:, :, ::2, ::2], 1
    return F.conv2d(images, weight, None, stride, padding, dilation, images.shape[1] if by_channel else 1)


def average_pool(images: Tensor, stride: int = 1) -> Tensor:
    """Compute `supernet.nn.fast.pooling.average_pool` by `avg_pool2d`."""
    return F.avg_pool2d(images, 3, stride, 1, count_include_pad=False)


def halve(images: Tensor) -> Tensor:
    """Compute `supernet.nn.fast.pooling.halve` by `avg_pool2d`."""
    return F.avg_pool2d(images, 2, 2)


def max_pool(images: Tensor, stride: int = 1) -> Tensor:
    """Compute `supernet.nn.fast.maxpooling.max_pool` by `max_pool2d`."""
    return F.max_pool2d(images, 3, stride, 1)


def concatenate(tensors: list[Tensor]) -> Tensor:
    """Compute `supernet.nn.fast.layout.concatenate` by `cat`."""
    return torch.cat(tensors, dim=1)


def diagonal_grids(images: Tensor) -> tuple[Tensor, Tensor]:
    """Compute `supernet.nn.fast.layout.diagonal_grids` by slices."""
    return images[:, :, ::2, ::2], images[:, :, 1::2, 1::2]


def add_up(values: Iterable[tuple[Tensor, bool]]) -> Tensor | None:
    """Compute `supernet.nn.fast.sums.add_up` without writing in place."""
    found: Tensor | None = None
    for value, _ in values:
        found = value if found is None else found + value
    return found
