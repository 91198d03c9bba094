"""Batch norm in whichever way is fastest: of few channels on CPUs, several pixels are taken for one."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function_unary

# ATen's kernels begin anew with each pixel, and take its channels eight at a time and those that are left over one by
# one: with few channels, or few more than a multiple of eight, the beginnings and ends are most of the time.
_VECTOR, _MANY_PIXELS = 8, 2**15
# Channels times pixels that are taken for one are at least this.
_WIDTH = 128


def batch_norm(
    images: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    batch: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """What `torch.nn.functional.batch_norm` gives for images (N, C, H, W), to rounding.

    Where C is small, maps are large and channels last, several pixels are one of as many times the channels. Then sums
    are of vectors that fill registers, and the sums of such pixels' channels are added: a half to a fifth of the time.
    """
    if has_torch_function_unary(images):
        # As functions of torch do: who observes them sees one norm, and not what it is made of.
        return handle_torch_function(batch_norm, (images,), images, mean, var, weight, bias, batch, momentum, eps=eps)
    if not _is_narrow(images):
        return F.batch_norm(images, mean, var, weight, bias, batch, momentum, eps)
    if not batch:
        # Differentiable as it is: these statistics have no gradient.
        many = _pixels_in_one(images)
        mean, var, weight, bias = (_repeated(values, many) for values in (mean, var, weight, bias))
        return _narrowed(F.batch_norm(_widened(images, many), mean, var, weight, bias, eps=eps), images)
    normalised, batch_mean, batch_var = _BatchNorm.apply(images, weight, bias, eps)
    if mean is not None and var is not None:
        pixels = images.numel() // images.shape[1]
        mean.lerp_(batch_mean, momentum)
        # Running variances are unbiased, as torch's are.
        var.lerp_(batch_var * (pixels / (pixels - 1)), momentum)
    return normalised  # type: ignore[no-any-return]


def _is_narrow(images: Tensor) -> bool:
    channels, pixels = images.shape[1], images.numel() // images.shape[1]
    return (
        (channels <= 2 * _VECTOR or (channels < 4 * _VECTOR and channels % _VECTOR != 0))
        and pixels >= _MANY_PIXELS
        and _pixels_in_one(images) > 1
        and images.device.type == "cpu"
        and images.dtype == torch.float32
        and images.is_contiguous(memory_format=torch.channels_last)
    )


def _gains_backward(images: Tensor) -> bool:
    """Whether the gradients, for which the wide way reads more than ATen's, are faster by it as well."""
    return images.shape[1] != 2 * _VECTOR


def _pixels_in_one(images: Tensor) -> int:
    """How many pixels are taken for one: a power of two that divides them."""
    channels, pixels = images.shape[1], images.numel() // images.shape[1]
    return math.gcd(pixels, 2 ** math.ceil(math.log2(_WIDTH / channels)))


def _repeated(values: Tensor | None, pixels: int) -> Tensor | None:
    return None if values is None else values.repeat(pixels)


def _widened(images: Tensor, pixels: int) -> Tensor:
    """(N, C, H, W), channels last, as (N·H·W / pixels, pixels·C): the same memory."""
    return images.permute(0, 2, 3, 1).reshape(-1, pixels * images.shape[1])


def _narrowed(wide: Tensor, images: Tensor) -> Tensor:
    """The opposite, to the shape of the images."""
    batch, channels, height, width = images.shape
    return wide.view(batch, height, width, channels).permute(0, 3, 1, 2)


class _BatchNorm(Function):
    """Normalised images, and the mean and the biased variance of each channel, through which there is no gradient."""

    @staticmethod
    def forward(
        context: Any, images: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        pixels, channels = _pixels_in_one(images), images.shape[1]
        wide = _widened(images, pixels)
        means, variances = (
            values.view(pixels, channels) for values in torch.batch_norm_update_stats(wide, None, None, 0.0)
        )
        mean = means.mean(0)
        var = variances.mean(0) + (means - mean).square_().mean(0)
        normalised = _transformed(images, mean, var, weight, bias, eps)
        context.save_for_backward(images, weight, mean, torch.rsqrt(var + eps))
        context.eps = eps
        context.mark_non_differentiable(mean, var)
        context.set_materialize_grads(False)
        return normalised, mean, var

    @staticmethod
    def backward(context: Any, gradient: Tensor | None, *_: None) -> tuple[Tensor | None, ...]:
        if gradient is None:
            return None, None, None, None
        images, weight, mean, invstd = context.saved_tensors
        last = gradient.is_contiguous(memory_format=torch.channels_last)
        # ATen's has a derivative of its own, for second derivatives.
        if torch.is_grad_enabled() or not last or not _gains_backward(images):
            found = torch.ops.aten.native_batch_norm_backward(
                gradient, images, weight, None, None, mean, invstd, True, context.eps, [True, True, True]
            )
        else:
            found = _gradients(gradient, images, weight, mean, invstd)
        wanted = context.needs_input_grad[:3]
        return (*(value if needed else None for value, needed in zip(found, wanted, strict=True)), None)


def _gradients(
    gradient: Tensor, images: Tensor, weight: Tensor | None, mean: Tensor, invstd: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Of the images, scales and shifts: the first is a·gradient + b·images + c, with a, b and c of each channel."""
    pixels, channels = _pixels_in_one(images), images.shape[1]
    wide, along = _widened(images, pixels), _widened(gradient, pixels)
    ones = torch.ones_like(mean).repeat(pixels)
    # Sums over pixels of the gradient, by itself and times the centred images.
    _, products, sums = torch.ops.aten.native_batch_norm_backward(
        along, wide, None, mean.repeat(pixels), ones, None, None, False, 0.0, [False, True, True]
    )
    by_scale = products.view(pixels, channels).sum(0).mul_(invstd)
    by_shift = sums.view(pixels, channels).sum(0)
    count = images.numel() // channels
    a = invstd if weight is None else weight * invstd
    b = -a * invstd * by_scale / count
    c = -a * by_shift / count - b * mean
    result = _transformed(images, torch.zeros_like(mean), torch.ones_like(mean), b, c, 0.0)
    _widened(result, pixels).addcmul_(along, a.repeat(pixels))
    return result, by_scale, by_shift


def _transformed(
    images: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Images normalised by the given statistics, in memory of their own: what follows may work in place."""
    pixels, result = _pixels_in_one(images), torch.empty_like(images)
    mean, var = mean.repeat(pixels), var.repeat(pixels)
    weight, bias = _repeated(weight, pixels), _repeated(bias, pixels)
    unused = images.new_empty(0)
    torch.native_batch_norm(
        _widened(images, pixels),
        weight,
        bias,
        mean,
        var,
        False,
        0.0,
        eps,
        out=(_widened(result, pixels), unused, unused),
    )
    return result
