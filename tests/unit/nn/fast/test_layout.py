"""Concatenation and subsampling: values and gradients of torch's functions, in the memory format of the features."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from supernet.nn.fast.layout import concatenate, diagonal_grids, every_second

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
@given(st.integers(2, 4), st.integers(2, 7), st.sampled_from(FORMATS))
def test_grids_are_slices(channels: int, side: int, kept: torch.memory_format) -> None:
    ours, theirs = features(channels, side, kept), features(channels, side, kept)
    taken = [every_second(ours), *diagonal_grids(ours)]
    expected = [theirs[:, :, first::2, first::2] for first in (0, 0, 1)]
    weights = [torch.arange(grid.numel(), dtype=torch.float64).view_as(grid) for grid in expected]
    assert all(torch.equal(one, other) for one, other in zip(taken, expected, strict=True))
    torch.autograd.backward([*taken, *expected], [*weights, *weights])
    assert ours.grad is not None and theirs.grad is not None
    assert torch.equal(ours.grad, theirs.grad)


@pytest.mark.parametrize("alone", [0, 1])
def test_one_grid_alone(alone: int) -> None:
    ours = features(3, 6, torch.channels_last)
    diagonal_grids(ours)[alone].sum().backward()
    assert ours.grad is not None
    assert ours.grad.sum() == ours.grad[:, :, alone::2, alone::2].sum() == 2 * 3 * 9


def test_gradients_arrive_in_the_format_of_the_features() -> None:
    seen: list[bool] = []
    parts = [features(3, 4, torch.channels_last, seed) for seed in range(2)]
    for part in parts:
        part.register_hook(lambda gradient: seen.append(gradient.is_contiguous(memory_format=torch.channels_last)))
    joined = concatenate(parts)
    diagonal_grids(joined)[1].square().sum().backward()
    assert seen == [True, True]


@pytest.mark.parametrize("kept", FORMATS)
def test_second_derivatives(kept: torch.memory_format) -> None:
    """Searches differentiate gradients (RobustDARTS)."""
    one, two = features(2, 4, kept), features(3, 4, kept, 1)
    assert torch.autograd.gradgradcheck(lambda a, b: concatenate([a, b]).pow(3), (one, two))
    assert torch.autograd.gradgradcheck(lambda a: diagonal_grids(a)[1].pow(3), (one,))
