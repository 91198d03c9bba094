"""Other labellings of NASBench-101 cells, independent of the package's own enumeration and hash."""

import itertools
from collections.abc import Sequence

from supernet.spaces.nasbench101.encoding import Cell, Matrix


def permuted(cell: Cell, order: Sequence[int]) -> Cell:
    """Return the cell with its vertices in another order: the new vertex k is the old vertex `order[k]`."""
    return Cell(*_reordered(cell, order))


def labellings(cell: Cell) -> int:
    """Return the number of pairs (upper triangular matrix, operations) that are isomorphic to the cell."""
    last = cell.vertices - 1
    orders = ((0, *interior, last) for interior in itertools.permutations(range(1, last)))
    graphs = {_reordered(cell, order) for order in orders}
    return sum(not any(any(row[: i + 1]) for i, row in enumerate(matrix)) for matrix, _ in graphs)


def _reordered(cell: Cell, order: Sequence[int]) -> tuple[Matrix, tuple[str, ...]]:
    matrix = tuple(tuple(cell.matrix[i][j] for j in order) for i in order)
    return matrix, tuple(cell.operations[i] for i in order)
