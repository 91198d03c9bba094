"""Max pooling and halving: the same bits as torch's, and gradients at the same pixels."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from supernet.nn.fast.maxpooling import max_pool
from supernet.nn.fast.pooling import halve

FORMATS = [torch.channels_last, torch.contiguous_format]
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 17), st.integers(1, 9), st.integers(1, 9))


def many_equal(*shape: int, memory: torch.memory_format = torch.channels_last) -> Tensor:
    """Return images of three values, since features after a ReLU have many zeros."""
    images = torch.randint(3, shape, generator=torch.Generator().manual_seed(sum(shape))).float()
    return images.contiguous(memory_format=memory)


def first_channels(images: Tensor) -> Tensor:
    return images[:, : max(1, images.shape[1] // 2)]


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.sampled_from(FORMATS), st.sampled_from([1, 2]), st.booleans())
def test_it_is_max_pool2d(shape: tuple[int, ...], memory: torch.memory_format, stride: int, sliced: bool) -> None:
    values, gradients = [], []
    for pool in (max_pool, lambda images, stride: F.max_pool2d(images, 3, stride, 1)):
        leaf = many_equal(*shape, memory=memory).requires_grad_()
        images = first_channels(leaf) if sliced else leaf
        with torch.no_grad():
            values.append(pool(images, stride))
        pooled = pool(images, stride)
        values.append(pooled.detach())
        along = torch.arange(1.0, 1 + pooled.numel()).view(pooled.shape)
        gradients.append(torch.autograd.grad(pooled, leaf, along)[0])
    assert all(torch.equal(value, values[0]) for value in values)
    # Pixels that several windows chose add their gradients up in another order.
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=0)


@pytest.mark.parametrize("wanted", [True, False])
def test_maxima_keep_channels_last_and_what_is_not_a_number(wanted: bool) -> None:
    images = many_equal(2, 5, 6, 6)
    images[0, 0, 3, 3] = float("nan")
    pooled = max_pool(images.requires_grad_(wanted))
    assert pooled.is_contiguous(memory_format=torch.channels_last)
    assert int(pooled.isnan().sum()) == 9


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.sampled_from(FORMATS), st.booleans())
def test_halving_is_avg_pool2d(shape: tuple[int, ...], memory: torch.memory_format, wanted: bool) -> None:
    images = torch.randn(*shape[:2], 1 + shape[2], 1 + shape[3], generator=torch.Generator().manual_seed(0))
    images = images.contiguous(memory_format=memory).requires_grad_(wanted)
    halved = halve(images)
    torch.testing.assert_close(halved, F.avg_pool2d(images, 2, 2))
    assert halved.is_contiguous(memory_format=memory) and halved.requires_grad == wanted
