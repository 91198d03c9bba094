"""Depthwise convolution whose gradients are computed by the fast kernels of oneDNN.

Replaces the backward pass of `torch.nn.functional.conv2d` with one group per channel, for 5x5 kernels and dilated 3x3
kernels on CPUs. Gain: gradients are up to 12 times as fast. Delete it when oneDNN has fast kernels for the gradients
of these convolutions.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

# Smallest batch, in elements, for which four passes over tiles cost less than oneDNN's gradient of a 5x5 weight.
_LARGE = 2**17


def depthwise(images: Tensor, weight: Tensor, dilation: int = 1) -> Tensor:
    """Convolve images (N, C, H, W) with a weight (C, 1, k, k), k odd, to the same shape: stride 1, padded.

    The result has the bits of `torch.nn.functional.conv2d`; gradients are the same sums in another order. On CPUs
    oneDNN has two fast kernels: the forward pass of any k, and the weight's gradient of 3x3 without dilation. Others
    take up to 12 times as long, so that gradients are composed of these two.
    """
    if torch.is_grad_enabled() and _gains(images, weight.shape[-1], dilation):
        convolved: Tensor = _Depthwise.apply(images, weight, dilation)
        return convolved
    return _convolve(images, weight, dilation)


def _gains(images: Tensor, kernel: int, dilation: int) -> bool:
    return (
        (kernel == 5 or (kernel == 3 and dilation > 1))
        and images.device.type == "cpu"
        and images.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and images.is_contiguous(memory_format=torch.channels_last)
    )


def _convolve(images: Tensor, weight: Tensor, dilation: int) -> Tensor:
    padding = dilation * (weight.shape[-1] - 1) // 2
    return F.conv2d(images, weight, None, 1, padding, dilation, images.shape[1])


class _Depthwise(Function):
    @staticmethod
    def forward(context: Any, images: Tensor, weight: Tensor, dilation: int) -> Tensor:
        context.save_for_backward(images, weight)
        context.dilation = dilation
        return _convolve(images, weight, dilation)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        images, weight = context.saved_tensors
        dilation, (of_images, of_weight, _) = context.dilation, context.needs_input_grad
        # ATen's function is differentiable itself, which second derivatives need.
        if torch.is_grad_enabled() or not gradient.is_contiguous(memory_format=torch.channels_last):
            return *_aten(gradient, images, weight, dilation, [of_images, of_weight]), None
        by_images = _convolve(gradient, weight.flip(2, 3), dilation) if of_images else None
        by_weight = _by_weight(gradient, images, weight, dilation) if of_weight else None
        return by_images, by_weight, None


def _aten(
    gradient: Tensor, images: Tensor, weight: Tensor, dilation: int, wanted: list[bool]
) -> tuple[Tensor | None, Tensor | None]:
    padding = dilation * (weight.shape[-1] - 1) // 2
    by_images, by_weight, _ = torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [1, 1], [padding] * 2, [dilation] * 2, False, [0, 0], images.shape[1],
        [*wanted, False],
    )  # fmt: skip
    return by_images, by_weight


def _by_weight(gradient: Tensor, images: Tensor, weight: Tensor, dilation: int) -> Tensor:
    """Return the weight's gradient; that of 5x5 consists of the gradients of the four 3x3 kernels in its corners.

    A dilated kernel acts separately on each of the dilation² tiles of every dilation-th row and column, where it is not
    dilated.
    """
    kernel, channels, (height, width) = weight.shape[-1], images.shape[1], images.shape[2:]
    found: Tensor | None
    if height % dilation or width % dilation or (dilation == 1 and images.numel() < _LARGE):
        _, found = _aten(gradient, images, weight, dilation, [False, True])
        assert found is not None
        return found
    if kernel == 3:
        return _by_3x3(_tiles(gradient, dilation), _tiles(images, dilation))
    # The gradient is shifted against the images by one pixel up or down, and left or right. With a border of zeros a
    # shift is the same memory at another offset; additional zeros at both ends keep it in range.
    row, pixel = (width // dilation + 2) * channels, channels
    framed, moving = _framed(images, dilation, 0), _framed(gradient, dilation, row + pixel)
    found = torch.empty_like(weight)
    for down in (-1, 1):
        for right in (-1, 1):
            moved = moving.as_strided(
                moving.shape, moving.stride(), moving.storage_offset() - down * row - right * pixel
            )
            found[:, :, down + 1 : down + 4, right + 1 : right + 4] = _by_3x3(moved, framed)
    return found


def _by_3x3(gradient: Tensor, images: Tensor) -> Tensor:
    """Return the gradient (C, 1, 3, 3) of the weight of a convolution without dilation."""
    _, found = _aten(gradient, images, images.new_empty(images.shape[1], 1, 3, 3), 1, [False, True])
    assert found is not None
    return found


def _tiles(images: Tensor, dilation: int) -> Tensor:
    """Split (N, C, H, W) into tiles (N·d², C, H/d, W/d), channels_last: every d-th row and column of each image."""
    return images if dilation == 1 else _apart(images, dilation).flatten(0, 2).permute(0, 3, 1, 2)


def _apart(images: Tensor, dilation: int) -> Tensor:
    """View (N, C, H, W) in channels_last format as (N, d, d, H/d, W/d, C)."""
    batch, channels, height, width = images.shape
    pixels = images.permute(0, 2, 3, 1)
    return pixels.view(
        batch, height // dilation, dilation, width // dilation, dilation, channels
    ).permute(0, 2, 4, 1, 3, 5)  # fmt: skip


def _framed(images: Tensor, dilation: int, room: int) -> Tensor:
    """Return tiles (N·d², C, H/d + 2, W/d + 2), channels_last, with a border of zeros and `room` zeros at both ends."""
    apart = _apart(images, dilation)
    *tiles, height, width, channels = apart.shape
    shape = (*tiles, height + 2, width + 2, channels)
    size = math.prod(shape)
    framed = images.new_zeros(room + size + room)[room : room + size].view(shape)
    framed[..., 1:-1, 1:-1, :] = apart
    return framed.flatten(0, 2).permute(0, 3, 1, 2)
