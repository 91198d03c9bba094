"""Cells of NASBench-201 that compute the same function, against numbers computed by cells with given weights."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from supernet import spaces
from supernet.spaces.nasbench201.encoding import CONVOLUTIONS, EDGES, Cell
from supernet.spaces.nasbench201.functions import function_of

SPACE = spaces.load("nasbench201")
CELLS = [SPACE.architecture(number) for number in range(SPACE.size)]


def output(cell: Cell, weights: Sequence[float]) -> float:
    """Compute a cell of numbers on the input .7: convolutions are bounded, kernels have a scale, poolings halve."""
    nodes = [0.7, 0.0, 0.0, 0.0]
    for (source, target), operation, weight in zip(EDGES, cell.operations, weights, strict=True):
        value = nodes[source]
        if operation in CONVOLUTIONS:
            nodes[target] += float(np.tanh(weight * value)) * (3.0 if operation == "nor_conv_3x3" else 1.0)
        elif operation != "none":
            nodes[target] += value / 2 if operation == "avg_pool_3x3" else value
    return nodes[3]


def outputs(cell: Cell) -> set[float]:
    """Compute a cell with each of 720 orders of six weights on its edges."""
    orders = itertools.permutations((0.31, -0.83, 1.27, 1.9, -2.3, 0.67))
    return {round(output(cell, weights), 9) for weights in orders}


def official(cell: Cell) -> str:
    """Return the form of the benchmark's authors (`to_unique_str` with zeros considered)."""
    nodes = {0: "0"}
    for target in (1, 2, 3):
        terms = []
        for (source, end), operation in zip(EDGES, cell.operations, strict=True):
            if end == target:
                zero = operation == "none" or nodes[source] == "#"
                terms.append("#" if zero else nodes[source] if operation == "skip_connect" else None)
                terms[-1] = terms[-1] or f"({nodes[source]})@{operation}"
        nodes[target] = "+".join(sorted(terms))
    return nodes[3]


def test_the_space_has_5044_functions() -> None:
    sizes = Counter(function_of(cell) for cell in CELLS)
    assert len(sizes) == 5_044 and sum(size > 1 for size in sizes.values()) == 1_201
    # The count of the benchmark's authors, whose form distinguishes and merges other cells.
    assert len({official(cell) for cell in CELLS}) == 6_466


def test_cells_of_one_function_compute_the_same_numbers() -> None:
    """For every order of weights on the edges of one cell, an order for the other gives the same output."""
    groups = defaultdict(list)
    for cell in CELLS:
        groups[function_of(cell)].append(cell)
    several = [group for group in groups.values() if len(group) > 1]
    rng = np.random.default_rng(0)
    for number in rng.choice(len(several), 40, replace=False):
        one, other = (several[number][place] for place in rng.choice(len(several[number]), 2, replace=False))
        assert outputs(one) == outputs(other), (SPACE.format(one), SPACE.format(other))


def test_cells_of_other_functions_compute_other_numbers() -> None:
    """Also where the authors' form is the same: one convolution that is counted twice, or two convolutions."""
    rng = np.random.default_rng(1)
    by_form = defaultdict(dict)
    for cell in CELLS:
        by_form[official(cell)][function_of(cell)] = cell
    merged = [list(cells.values()) for cells in by_form.values() if len(cells) > 1]
    assert len(merged) > 100
    pairs = [merged[number][:2] for number in rng.choice(len(merged), 20, replace=False)]
    pairs += [[CELLS[one] for one in rng.choice(len(CELLS), 2, replace=False)] for _ in range(20)]
    for one, other in pairs:
        assert function_of(one) != function_of(other)
        assert outputs(one) != outputs(other), (SPACE.format(one), SPACE.format(other))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # Nodes have no names: 1 and 2 are exchanged.
        ("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
         "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|", True),
        # Pooling of a sum is the sum of poolings.
        ("|skip_connect~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|",
         "|none~0|+|nor_conv_1x1~0|none~1|+|avg_pool_3x3~0|none~1|avg_pool_3x3~2|", True),
        # One convolution that is counted twice, or two convolutions.
        ("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|",
         "|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_3x3~0|skip_connect~1|none~2|", False),
    ],
)  # fmt: skip
def test_known_pairs(one: str, other: str, same: bool) -> None:
    assert (function_of(SPACE.parse(one)) == function_of(SPACE.parse(other))) is same
