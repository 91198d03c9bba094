"""Average pooling of 3 x 3 and of 2 x 2 pixels on CPUs.

Replaces `torch.nn.functional.avg_pool2d`, without padding in the mean. Gain: 2 to 4 times as fast on large batches, and
no copy of the images is kept for the backward pass. Delete it when ATen vectorises average pooling.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function_unary

# Smallest number of pixels of a batch for which the convolution is faster than ATen's pooling.
_MANY = 2**13


def average_pool(images: Tensor, stride: int = 1) -> Tensor:
    """Return means of 3 x 3 pixels: (N, C, H, W) to (N, C, ⌈H / stride⌉, ⌈W / stride⌉); pixels outside are ignored.

    On CPUs large batches go through a depthwise convolution, whose kernels are vectorised. The result equals that of
    `avg_pool2d` to rounding.
    """
    if has_torch_function_unary(images):
        # As torch functions do: a function mode observes one pooling, not its parts.
        return handle_torch_function(average_pool, (images,), images, stride)
    pixels = images.numel() // images.shape[1]
    if stride == 1 and pixels >= _MANY and images.device.type == "cpu" and images.dtype == torch.float32:
        means: Tensor = _AveragePool.apply(images)
        return means
    return F.avg_pool2d(images, 3, stride, 1, count_include_pad=False)


def halve(images: Tensor) -> Tensor:
    """Return means of 2 x 2 pixels: (N, C, H, W) to (N, C, H / 2, W / 2).

    Without a gradient, in channels_last format on CPUs, rows of whole pixels are added: 2 to 4 times as fast.
    """
    if has_torch_function_unary(images):
        return handle_torch_function(halve, (images,), images)
    wanted = torch.is_grad_enabled() and images.requires_grad
    batch, channels, height, width = images.shape
    even = height % 2 == width % 2 == 0
    if wanted or not even or images.device.type != "cpu" or not images.is_contiguous(memory_format=torch.channels_last):
        return F.avg_pool2d(images, 2, 2)
    upper, lower = images.permute(0, 2, 3, 1).reshape(batch, height // 2, 2, width // 2, 2 * channels).unbind(2)
    pairs = upper + lower
    sums = pairs[..., :channels] + pairs[..., channels:]
    return sums.mul_(0.25).permute(0, 3, 1, 2)


class _AveragePool(Function):
    """A ninth of the sum of each pixel's neighbourhood, more at the border; the adjoint sums over the same pixels."""

    @staticmethod
    def forward(context: Any, images: Tensor) -> Tensor:
        return _weigh_border(_ninths_of_neighbours(images))

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _ninths_of_neighbours(_weigh_border(gradient.clone()))


def _ninths_of_neighbours(images: Tensor) -> Tensor:
    """Return a ninth of the sum of each pixel and its neighbours inside the map."""
    channels = images.shape[1]
    ninths = images.new_full((channels, 1, 3, 3), 1 / 9)
    # Under autocast pooling keeps the type of its input.
    with torch.autocast(images.device.type, enabled=False):
        return F.conv2d(images, ninths, padding=1, groups=channels)


def _weigh_border(images: Tensor) -> Tensor:
    """Scale ninths in-place to means over the pixels inside: the first and last rows and columns have two of three.

    In channels_last format a product with a map of weights would take as long as the convolution.
    """
    for dimension in (2, 3):
        if images.shape[dimension] == 1:
            images.mul_(3)
        else:
            for place in (0, -1):
                images.select(dimension, place).mul_(1.5)
    return images
