"""In-place sums: the same values and gradients, and no tensor that is used elsewhere changes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import Observer
from torch import Tensor
from torch.nn import functional as F

from supernet.nn.fast.sums import add_up


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_a_sum_is_the_sum_and_changes_only_what_is_fresh(fresh: list[bool], seed: int) -> None:
    torch.manual_seed(seed)
    values = [torch.rand(2, 3, 4, 4) for _ in fresh]
    before = [value.clone() for value in values]
    found = add_up(zip(values, fresh, strict=True))
    assert found is not None
    torch.testing.assert_close(found, torch.stack(before).sum(0), rtol=0, atol=1e-6)
    for value, was, own in zip(values, before, fresh, strict=True):
        assert own or torch.equal(value, was)


def test_the_sum_of_nothing_is_none() -> None:
    assert add_up([]) is None


@pytest.mark.parametrize("fresh", [(True, True), (True, False), (False, True), (False, False)])
def test_gradients_are_those_of_a_plain_sum(fresh: tuple[bool, bool]) -> None:
    images = torch.rand(2, 3, 4, 4, requires_grad=True)

    def values() -> list[Tensor]:
        return [F.batch_norm(images * factor, None, None, training=True) for factor in (1.0, 2.0)]

    plain, ours = sum(values()), add_up(zip(values(), fresh, strict=True))
    assert isinstance(plain, Tensor) and ours is not None
    weight = torch.rand_like(images)
    expected, found = (torch.autograd.grad((value * weight).sum(), images)[0] for value in (plain, ours))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("fresh", [(True, False, False), (False, True, True), (False, False, False)])
def test_one_map_is_made_at_most(fresh: tuple[bool, ...]) -> None:
    values = [torch.rand(2, 3) for _ in fresh]
    with Observer() as observer:
        add_up(zip(values, fresh, strict=True))
    assert observer.seen.count("add") == (not any(fresh[:2]))
