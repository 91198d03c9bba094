"""Batch norm of few channels with pixels folded into channels: equal to torch's in double precision."""

from typing import Any

import pytest
import torch
from tiny import Observer
from torch import Tensor
from torch.nn import functional as F

from supernet.nn.fast.batchnorm import batch_norm

EPS, MOMENTUM = 1e-5, 0.1
# The last has an odd number of pixels, 33·33·33, which cannot be folded.
NARROW = [(32, 1, 32, 32), (32, 5, 32, 32), (8, 8, 32, 32), (32, 16, 32, 32), (10, 21, 32, 32), (130, 6, 16, 18),
          (32, 64, 16, 16)]  # fmt: skip
ATEN = [(8, 65, 32, 32), (4, 5, 32, 32), (33, 5, 33, 33)]


def random_images(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    images = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + 5
    return images.contiguous(memory_format=torch.channels_last)


def parameters(channels: int, affine: bool) -> list[Tensor]:
    """Scale and shift, if any."""
    rng = torch.Generator().manual_seed(1)
    return [torch.rand(channels, generator=rng).requires_grad_() for _ in range(2)] if affine else []


def outcome(norm: Any, images: Tensor, affine: list[Tensor], gradient: Tensor) -> list[Tensor]:
    """Return normalised images, running mean and variance, and the gradients of images, scale and shift."""
    channels, leaf = images.shape[1], images.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    running = [images.new_zeros(channels), images.new_ones(channels)]
    normalised = norm(leaf, *running, *affine or (None, None), True, MOMENTUM, EPS)
    return [normalised, *running, *torch.autograd.grad(normalised, [leaf, *affine], gradient)]


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [*NARROW, *ATEN])
def test_values_statistics_and_gradients(shape: tuple[int, ...], affine: bool) -> None:
    images, gradient, given = random_images(shape), random_images(shape, 2) - 5, parameters(shape[1], affine)
    ours = outcome(batch_norm, images, given, gradient)
    exact = outcome(
        F.batch_norm, images.double(), [p.detach().double().requires_grad_() for p in given], gradient.double()
    )
    for value, expected in zip(ours, exact, strict=True):
        off = (value.detach().double() - expected.detach()).abs().max()
        assert off <= 1e-4 * expected.detach().abs().max() + 1e-5, value.shape
    assert ours[0].is_contiguous(memory_format=torch.channels_last)
    assert ours[3].is_contiguous(memory_format=torch.channels_last)


def left_to_torch(images: Tensor) -> bool:
    """Return whether torch's batch norm computed the result, by the node of its gradient."""
    normalised = batch_norm(images.detach().requires_grad_(), None, None, None, None, True, 0.0, EPS)
    return "NativeBatchNorm" in str(normalised.grad_fn)


@pytest.mark.parametrize(("shapes", "narrow"), [(NARROW, True), (ATEN, False)])
def test_only_few_channels_are_folded(shapes: list[tuple[int, ...]], narrow: bool) -> None:
    for shape in shapes:
        images = random_images(shape)
        assert left_to_torch(images) != narrow, shape
        if not narrow:
            result = batch_norm(images, None, None, None, None, True, 0.0, EPS)
            assert torch.equal(result, F.batch_norm(images, None, None, None, None, True, 0.0, EPS))
    for other in (images.contiguous(), images.double(), images.bfloat16()):
        assert left_to_torch(other)


def test_given_statistics() -> None:
    images, (scale, shift) = random_images((32, 5, 32, 32)), parameters(5, True)
    mean, var = torch.linspace(3, 7, 5), torch.linspace(1, 9, 5)
    found = batch_norm(images, mean, var, scale, shift, False, 0.0, EPS)
    torch.testing.assert_close(found, F.batch_norm(images, mean, var, scale, shift, False, 0.0, EPS))
    assert mean.tolist() == torch.linspace(3, 7, 5).tolist()


def test_second_derivatives() -> None:
    """The search DARTS needs them: the gradient of a norm of gradients."""

    def second(norm: Any, images: Tensor) -> Tensor:
        leaf = images.clone().requires_grad_()
        normalised = norm(leaf, None, None, None, None, True, 0.0, EPS)
        (first,) = torch.autograd.grad(normalised.pow(3).sum(), leaf, create_graph=True)
        return torch.autograd.grad(first.pow(3).sum(), leaf)[0]

    images = random_images((32, 5, 32, 32))
    ours, exact = second(batch_norm, images), second(F.batch_norm, images.double())
    torch.testing.assert_close(ours.double(), exact, rtol=0, atol=1e-4 * float(exact.abs().max()))


def test_what_follows_may_work_in_place() -> None:
    images = random_images((32, 5, 32, 32)).requires_grad_()
    there = F.relu(batch_norm(images, None, None, None, None, True, 0.0, EPS), inplace=True)
    apart = F.relu(batch_norm(images, None, None, None, None, True, 0.0, EPS))
    gradients = [torch.autograd.grad(value.square().sum(), images)[0] for value in (there, apart)]
    assert torch.equal(there, apart) and torch.equal(*gradients)


def test_a_gradient_of_another_format() -> None:
    images = random_images((32, 5, 32, 32)).requires_grad_()
    normalised = batch_norm(images, None, None, None, None, True, 0.0, EPS)
    gradient = random_images((32, 5, 32, 32), 2)
    last, first = (
        torch.autograd.grad(normalised, images, along, retain_graph=True)[0]
        for along in (gradient, gradient.contiguous())
    )
    torch.testing.assert_close(first, last, rtol=1e-4, atol=1e-5)


def test_observers_see_one_norm() -> None:
    with Observer() as observer:
        batch_norm(random_images((2, 5, 4, 4)), None, None, None, None, True, 0.0, EPS)
    assert observer.seen[-1] == "batch_norm" and observer.seen.count("batch_norm") == 1
