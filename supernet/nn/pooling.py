"""Average pooling as benchmarks define it, in whichever way is fastest."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function_unary

# Pixels of a map from which the convolution is faster than ATen's pooling.
_LARGE = 16 * 16


def average_pool(images: Tensor, stride: int = 1) -> Tensor:
    """(N, C, H, W) to (N, C, ⌈H / stride⌉, ⌈W / stride⌉): means of 3 x 3 pixels, of those inside at the border.

    On CPUs large maps go through a depthwise convolution, whose kernels are vectorised: forward and backward in half
    to a quarter of the time of `avg_pool2d`, to rounding the same, and without a copy of the images for the backward
    pass.
    """
    if has_torch_function_unary(images):
        # As functions of torch do: who observes them sees one pooling, and not what it is made of.
        return handle_torch_function(average_pool, (images,), images, stride)
    height, width = images.shape[2:]
    if stride == 1 and height * width >= _LARGE and images.device.type == "cpu" and images.dtype == torch.float32:
        means: Tensor = _AveragePool.apply(images)
        return means
    return F.avg_pool2d(images, 3, stride, 1, count_include_pad=False)


class _AveragePool(Function):
    """Sums of neighbours over their number; its adjoint is the sum of what neighbours got, each over its number."""

    @staticmethod
    def forward(context: Any, images: Tensor) -> Tensor:
        return _neighbours(images).mul_(_shares(images))

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _neighbours(gradient * _shares(gradient))


def _neighbours(images: Tensor) -> Tensor:
    """The sum of each pixel and its neighbours inside the map."""
    channels = images.shape[1]
    ones = images.new_ones(channels, 1, 3, 3)
    # Pooling keeps the type of its input under autocast, and so does this.
    with torch.autocast(images.device.type, enabled=False):
        return F.conv2d(images, ones, padding=1, groups=channels)


def _shares(images: Tensor) -> Tensor:
    """(H, W): one over the number of pixels that are averaged at each place."""
    rows, columns = (images.new_full((side,), 3.0) for side in images.shape[2:])
    for line in (rows, columns):
        line[0] -= 1
        line[-1] -= 1
    return 1 / torch.outer(rows, columns)
