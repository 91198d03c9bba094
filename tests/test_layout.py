"""Concatenation and subsampling: the values and gradients of torch's own, in the format of the features."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from supernet.nn.layout import concatenate, every_second

FORMATS = [torch.contiguous_format, torch.channels_last]


def features(channels: int, side: int, kept: torch.memory_format, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(2, channels, side, side, generator=generator, dtype=torch.float64)
    return made.contiguous(memory_format=kept).requires_grad_()


@settings(deadline=None)
@given(st.lists(st.integers(2, 5), min_size=1, max_size=4), st.sampled_from(FORMATS))
def test_concatenation_is_torch_s(channels: list[int], kept: torch.memory_format) -> None:
    ours, theirs = ([features(c, 4, kept, seed) for seed, c in enumerate(channels)] for _ in range(2))
    joined, expected = concatenate(ours), torch.cat(theirs, dim=1)
    assert torch.equal(joined, expected)
    weights = torch.arange(expected.numel(), dtype=torch.float64).view_as(expected)
    weights = weights.contiguous(memory_format=kept)
    torch.autograd.backward([joined, expected], [weights, weights])
    for one, other in zip(ours, theirs, strict=True):
        assert one.grad is not None and other.grad is not None
        assert torch.equal(one.grad, other.grad)


@settings(deadline=None)
@given(st.integers(2, 4), st.integers(2, 7), st.integers(0, 1), st.sampled_from(FORMATS))
def test_every_second_is_a_slice(channels: int, side: int, first: int, kept: torch.memory_format) -> None:
    ours, theirs = features(channels, side, kept), features(channels, side, kept)
    taken, expected = every_second(ours, first), theirs[:, :, first::2, first::2]
    assert torch.equal(taken, expected)
    weights = torch.arange(expected.numel(), dtype=torch.float64).view_as(expected)
    torch.autograd.backward([taken, expected], [weights, weights])
    assert ours.grad is not None and theirs.grad is not None
    assert torch.equal(ours.grad, theirs.grad)


def test_gradients_arrive_in_the_format_of_the_features() -> None:
    seen: list[bool] = []
    parts = [features(3, 4, torch.channels_last, seed) for seed in range(2)]
    for part in parts:
        part.register_hook(lambda gradient: seen.append(gradient.is_contiguous(memory_format=torch.channels_last)))
    joined = concatenate(parts)
    every_second(joined, 1).square().sum().backward()
    assert seen == [True, True]


@pytest.mark.parametrize("kept", FORMATS)
def test_second_derivatives(kept: torch.memory_format) -> None:
    """Searches differentiate gradients (RobustDARTS)."""
    one, two = features(2, 4, kept), features(3, 4, kept, 1)
    assert torch.autograd.gradgradcheck(lambda a, b: concatenate([a, b]).pow(3), (one, two))
    assert torch.autograd.gradgradcheck(lambda a: every_second(a, 1).pow(3), (one,))
