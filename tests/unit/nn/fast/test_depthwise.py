"""Depthwise convolutions with gradients from other convolutions: equal to torch's in double precision."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from supernet.nn.fast.depthwise import depthwise

KERNELS = [(5, 1), (3, 2), (5, 2)]
LAST = torch.channels_last


def reference(images: Tensor, weight: Tensor, dilation: int) -> Tensor:
    padding = dilation * (weight.shape[-1] - 1) // 2
    return F.conv2d(images, weight, None, 1, padding, dilation, images.shape[1])


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def operands(shape: tuple[int, ...], kernel: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return channels-last images, a weight, and a gradient."""
    images, weight = random(*shape).contiguous(memory_format=LAST), random(shape[1], 1, kernel, kernel, seed=1)
    return images.requires_grad_(), weight.requires_grad_(), random(*shape, seed=2).contiguous(memory_format=LAST)


def expect_gradients(images: Tensor, weight: Tensor, gradient: Tensor, dilation: int) -> None:
    """Assert that values are equal to the bit, and gradients up to rounding."""
    convolved = depthwise(images, weight, dilation)
    assert torch.equal(convolved, reference(images, weight, dilation))
    doubled = [value.detach().double().requires_grad_() for value in (images, weight)]
    exact = torch.autograd.grad(reference(*doubled, dilation), doubled, gradient.double())
    for found, expected in zip(torch.autograd.grad(convolved, [images, weight], gradient), exact, strict=True):
        # The gradient of a weight is a sum over all pixels, whose rounding grows with their number.
        rounding = 1e-5 * (1 + float(expected.abs().max())) + 1e-8 * images.numel() / images.shape[1]
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=rounding)


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(1, 17), st.integers(1, 13), st.integers(1, 13)), st.booleans(), st.sampled_from(KERNELS))
def test_maps_of_any_shape(shape: tuple[int, int, int], large: bool, kernel: tuple[int, int]) -> None:
    """Small batches, and those of at least 2^17 values, whose weight gradients are made of 3x3 kernels."""
    batch = -(-(2**17) // math.prod(shape)) if large else 2
    expect_gradients(*operands((batch, *shape), kernel[0]), kernel[1])


@pytest.mark.parametrize(("kernel", "dilation"), KERNELS)
@pytest.mark.parametrize("shape", [(16, 8, 32, 32), (64, 64, 8, 8), (2, 4, 8, 8)])
def test_batches_of_trainings(shape: tuple[int, ...], kernel: int, dilation: int) -> None:
    expect_gradients(*operands(shape, kernel), dilation)


@pytest.mark.parametrize(("kernel", "dilation"), KERNELS)
def test_no_slow_kernel_of_onednn_is_asked_for(kernel: int, dilation: int) -> None:
    images, weight, gradient = operands((16, 8, 32, 32), kernel)
    convolved = depthwise(images, weight, dilation)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profile:
        found, _ = torch.autograd.grad(convolved, [images, weight], gradient)
    asked = [event.input_shapes[2] for event in profile.events() if event.name == "aten::convolution_backward"]
    assert asked == [[8, 1, 3, 3]] * (1 if kernel == 3 else 4)
    assert found.is_contiguous(memory_format=LAST)


@pytest.mark.parametrize(("kernel", "dilation"), KERNELS)
def test_second_derivatives(kernel: int, dilation: int) -> None:
    """The search DARTS needs them: the gradient of a norm of gradients."""

    def second(convolve: object, values: list[Tensor]) -> tuple[Tensor, ...]:
        first = torch.autograd.grad(convolve(*values, dilation).pow(3).sum(), values, create_graph=True)  # type: ignore[operator]
        return torch.autograd.grad(sum(value.square().sum() for value in first), values)

    images, weight, _ = operands((2, 4, 8, 8), kernel)
    exact = second(reference, [value.detach().double().requires_grad_() for value in (images, weight)])
    for found, expected in zip(second(depthwise, [images, weight]), exact, strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_only_what_is_asked_for() -> None:
    images, weight, gradient = operands((16, 8, 32, 32), 5)
    both = torch.autograd.grad(depthwise(images, weight), [images, weight], gradient)
    of_images = torch.autograd.grad(depthwise(images, weight.detach()), images, gradient)
    of_weight = torch.autograd.grad(depthwise(images.detach(), weight), weight, gradient)
    assert torch.equal(both[0], *of_images) and torch.equal(both[1], *of_weight)


def test_other_formats_and_types_are_left_to_torch() -> None:
    images, weight, gradient = operands((2, 8, 16, 16), 5)
    first = torch.autograd.grad(depthwise(images, weight), weight, gradient)[0]
    torch.testing.assert_close(
        torch.autograd.grad(depthwise(images, weight), weight, gradient.contiguous())[0], first, rtol=1e-4, atol=1e-4
    )
    left = [
        depthwise(images.detach().contiguous(), weight),
        depthwise(images.double(), weight.double()),
        depthwise(images, random(8, 1, 3, 3)),
    ]
    with torch.autocast("cpu", torch.bfloat16):
        left.append(depthwise(images, weight))
    assert left[-1].dtype == torch.bfloat16
    assert all("ConvolutionBackward" in str(convolved.grad_fn) for convolved in left)
    assert "ConvolutionBackward" not in str(depthwise(images, weight).grad_fn)
    with torch.no_grad():
        assert torch.equal(depthwise(images, weight), reference(images, weight, 1))
