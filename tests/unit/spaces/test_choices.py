"""Conversion of architectures to and from rows of choices, and from the weights of a relaxed super-net."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import SPACES

from supernet import spaces
from supernet.errors import UserError
from supernet.spaces.darts.encoding import NONE, position
from supernet.spaces.nasbench201.encoding import OPERATIONS


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_round_trip(space: Any) -> None:
    for arch in space.sample(np.random.default_rng(0), count=50):
        choices = space.choices_of(arch)
        assert len(choices) == len(space.choices)
        assert all(0 <= choice < size for choice, size in zip(choices, space.choices, strict=True))
        assert space.arch_id(space.chosen(choices)) == space.arch_id(arch)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_choices_make_an_architecture_or_are_refused(data: st.DataObject) -> None:
    for space in SPACES.values():
        choices = data.draw(st.tuples(*(st.integers(0, size - 1) for size in space.choices)))
        try:
            arch = space.chosen(choices)
        except UserError:
            assert space.name == "nasbench101"
        else:
            assert space.parse(space.format(arch)) == arch


def test_a_sub_space_refuses_other_cells() -> None:
    whole, part = SPACES["nasbench101"], spaces.load("nasbench101-constant-2")
    cell = next(cell for cell in whole.sample(np.random.default_rng(0), count=50) if not part.holds(whole.format(cell)))
    with pytest.raises(UserError, match="output vertices; expected 2"):
        part.chosen(whole.choices_of(cell))


def test_nasbench201_takes_the_best_operation_of_each_edge() -> None:
    weights = np.random.default_rng(0).random((1, 6, 5))
    weights[0, 2, 0] = 2
    cell = SPACES["nasbench201"].discretised(weights)
    assert cell.operations[2] == "none"
    assert [OPERATIONS.index(operation) for operation in cell.operations] == weights[0].argmax(1).tolist()


def test_darts_takes_two_inputs_of_each_node_and_never_none() -> None:
    weights = np.full((2, 14, 8), 0.1)
    weights[:, :, 0] = 9.0
    for node, states in enumerate([(0, 1), (0, 2), (1, 3), (2, 4)]):
        for state in states:
            weights[0, position(node, state), 4] = 0.5
    weights[1, position(3, 4), 6] = 0.7
    genotype = SPACES["darts"].discretised(weights)
    expected = [("sep_conv_3x3", state) for states in [(0, 1), (0, 2), (1, 3), (2, 4)] for state in states]
    assert list(genotype.normal.edges) == expected
    # Of equals the first state and operation.
    assert genotype.reduce.edges[-2:] == (("max_pool_3x3", 0), ("dil_conv_3x3", 4))
    assert all(operation != NONE for cell in (genotype.normal, genotype.reduce) for operation, _ in cell.edges)


@pytest.mark.parametrize("name", ["nasbench101", "macro"])
def test_spaces_without_relaxation(name: str) -> None:
    space = SPACES[name]
    assert space.relaxation is None
    with pytest.raises(UserError, match="no relaxation"):
        space.discretised(np.zeros((1, 1, 3)))
