"""NASBench-101 cells as rows of choices: a bit per possible edge, an operation per interior vertex."""

from collections.abc import Sequence

import numpy as np

from supernet.spaces.conventions import numbers
from supernet.spaces.nasbench101.encoding import INPUT, MAX_VERTICES, OPERATIONS, OUTPUT, Cell

_ROWS, _COLUMNS = np.triu_indices(MAX_VERTICES, 1)
SIZES = (*[2] * len(_ROWS), *[len(OPERATIONS)] * (MAX_VERTICES - 2))
"""Sizes: 21 bits of the upper triangle, row by row, and five operations."""


def chosen(choices: Sequence[int]) -> Cell:
    """Return the pruned cell of 26 choices.

    Raises UserError if a choice is not an integer below its size, and if the cell is unconnected or has too many edges.
    """
    made = numbers(choices, "NASBench-101, choices", SIZES)
    matrix = np.zeros((MAX_VERTICES, MAX_VERTICES), dtype=int)
    matrix[_ROWS, _COLUMNS] = made[: len(_ROWS)]
    operations = [OPERATIONS[choice] for choice in made[len(_ROWS) :]]
    return Cell.build(matrix.tolist(), [INPUT, *operations, OUTPUT])


def choices_of(cell: Cell) -> tuple[int, ...]:
    """Return choices that define a cell: its vertices first, the output last, the first operation where absent."""
    places = [*range(cell.vertices - 1), MAX_VERTICES - 1]
    matrix = np.zeros((MAX_VERTICES, MAX_VERTICES), dtype=int)
    matrix[np.ix_(places, places)] = cell.matrix
    operations = [OPERATIONS.index(operation) for operation in cell.operations[1:-1]]
    absent = [0] * (MAX_VERTICES - 2 - len(operations))
    return (*matrix[_ROWS, _COLUMNS].tolist(), *operations, *absent)
