"""Average pooling by convolution: equal to `avg_pool2d`, for derivatives of any order."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import Observer
from torch import Tensor
from torch.nn import functional as F

from supernet.nn.fast.pooling import average_pool

Pool = Callable[[Tensor], Tensor]


def reference(images: Tensor, stride: int = 1) -> Tensor:
    return F.avg_pool2d(images, 3, stride, 1, count_include_pad=False)


def random_images(*shape: int, memory: torch.memory_format = torch.channels_last) -> Tensor:
    images = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    return images.contiguous(memory_format=memory).requires_grad_()


def derivatives(pool: Pool, images: Tensor) -> list[Tensor]:
    """Return the means, the gradient of the sum of their cubes, and the gradient of its square."""
    means = pool(images)
    (first,) = torch.autograd.grad(means.pow(3).sum(), images, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), images)
    return [means, first, second]


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 17), st.integers(1, 33), st.integers(1, 33)),
    st.sampled_from([torch.channels_last, torch.contiguous_format]),
    st.sampled_from([1, 2]),
)
def test_it_is_avg_pool2d(shape: tuple[int, ...], memory: torch.memory_format, stride: int) -> None:
    images = random_images(*shape, memory=memory)
    ours = derivatives(lambda x: average_pool(x, stride), images)
    for value, expected in zip(ours, derivatives(lambda x: reference(x, stride), images), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-4 * (1 + expected.abs().max().item()))


@pytest.mark.parametrize("side", [4, 32])
@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
def test_features_and_gradients_keep_their_memory_format(side: int, memory: torch.memory_format) -> None:
    images = random_images(2, 8, side, side, memory=memory)
    means = average_pool(images)
    (gradient,) = torch.autograd.grad(means, images, torch.randn_like(means))
    assert means.is_contiguous(memory_format=memory) and gradient.is_contiguous(memory_format=memory)


def test_no_images_are_kept_for_the_backward_pass() -> None:
    kept: list[torch.Size] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        average_pool(random_images(8, 8, 32, 32))
        assert kept == []
        reference(random_images(8, 8, 32, 32))
    assert kept, "a reference that keeps nothing would show nothing"


def test_autocast_leaves_its_type_alone() -> None:
    images = random_images(2, 8, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        assert average_pool(images).dtype == reference(images).dtype == torch.float32
        half = images.bfloat16()
        assert torch.equal(average_pool(half), reference(half))


def test_observers_see_one_pooling() -> None:
    images = random_images(2, 8, 32, 32)
    with Observer() as observer:
        average_pool(images, 2)
    assert observer.seen == ["average_pool"]
