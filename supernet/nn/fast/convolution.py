"""Convolution by the kernel that is fastest on CPUs.

Replaces `torch.nn.functional.conv2d` without bias. Strided dilated kernels work on a subsampled map, depthwise kernels
on small maps become matrices (`depthwise_matrices`), other depthwise kernels get faster gradients (`depthwise`).
Gain: strided dilated kernels are 3 to 9 times as fast. Delete it when oneDNN has direct kernels for these cases and its
backward pass of a strided 1x1 convolution of fewer than 8 channels no longer writes past its buffers.
"""

from torch import Tensor
from torch.nn import functional as F

from supernet.nn.fast.depthwise import depthwise
from supernet.nn.fast.depthwise_matrices import depthwise_by_matrices, tap_matrices
from supernet.nn.fast.layout import every_second

# Largest number of pixels for which a depthwise kernel that is dilated or wider than the map becomes a matrix.
SMALL_MAP = 16


def convolve(images: Tensor, weight: Tensor, stride: int, padding: int, dilation: int, by_channel: bool) -> Tensor:
    """Convolve images (N, c, H, W) with a weight (c_out, c, k, k), or (c, 1, k, k) `by_channel` (depthwise).

    `padding` is dilation·(k - 1)/2. Returns (N, c_out, ⌈H/stride⌉, ⌈W/stride⌉).
    """
    kernel = weight.shape[-1]
    if stride == 2 and (kernel == 1 or dilation == 2):
        # The kernel meets every second pixel only: the same sums without the stride and the dilation.
        images, stride, dilation, padding = every_second(images), 1, 1, padding // 2
    if not by_channel:
        return F.conv2d(images, weight, None, stride, padding, dilation)
    if _small(images, kernel, dilation):
        height, width = images.shape[2:]
        taps = tap_matrices(height, width, kernel, stride, dilation, images.dtype)
        return depthwise_by_matrices(images, weight, taps, (-(-height // stride), -(-width // stride)))
    if stride == 1:
        return depthwise(images, weight, dilation)
    return F.conv2d(images, weight, None, stride, padding, dilation, images.shape[1])


def _small(images: Tensor, kernel: int, dilation: int) -> bool:
    height, width = images.shape[2:]
    wide = dilation > 1 or dilation * (kernel - 1) + 1 > min(height, width)
    return wide and height * width <= SMALL_MAP and images.device.type == "cpu"
