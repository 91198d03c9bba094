"""DARTS genotypes from and to rows of choices, and from the weights of a relaxed cell."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from supernet.spaces.conventions import numbers
from supernet.spaces.darts.encoding import EDGES, NODES, NONE, OPERATIONS, Cell, Concat, Genotype, built, position

SIZES = tuple(size for edge in range(EDGES) for size in (2 + edge // 2, len(OPERATIONS))) * 2
"""Sizes: an input state and an operation per edge, for the eight edges of the normal and the reduction cell."""
_REAL = [number for number, operation in enumerate(OPERATIONS) if operation != NONE]


def chosen(choices: Sequence[int], concat: Concat) -> Genotype:
    """Return the genotype of 32 choices; UserError if one is not an integer below its size."""
    made = numbers(choices, "DARTS, choices", SIZES)
    pairs = [(OPERATIONS[operation], state) for state, operation in zip(made[::2], made[1::2], strict=True)]
    return Genotype(built(pairs[:EDGES], concat), built(pairs[EDGES:], concat))


def choices_of(genotype: Genotype) -> tuple[int, ...]:
    """Return choices that define a genotype."""
    edges = (*genotype.normal.edges, *genotype.reduce.edges)
    return tuple(choice for operation, state in edges for choice in (state, OPERATIONS.index(operation)))


def discretised(weights: npt.NDArray[np.float64], concat: Concat) -> Genotype:
    """Return the genotype of weights (2, 14, 8), normal cells first (Liu et al. 2019, Sec. 2.4).

    Each node keeps its two strongest inputs and the best operation of each, excluding `none`; ties go to the first.
    """
    return Genotype(_cell(weights[0], concat), _cell(weights[1], concat))


def _cell(weights: npt.NDArray[np.float64], concat: Concat) -> Cell:
    edges = []
    for node in range(NODES):
        rows = weights[[position(node, state) for state in range(2 + node)]][:, _REAL]
        strongest = sorted(np.argsort(-rows.max(1), kind="stable")[:2].tolist())
        edges += [(OPERATIONS[_REAL[int(rows[state].argmax())]], state) for state in strongest]
    return built(edges, concat)
