"""Enumeration of the cells of NASBench-101 up to isomorphism, in the labelling that the benchmark trained.

The labelling matters: if three vertices share 128 output channels, the first two have one more channel than the third.
The benchmark enumerated the matrices of each size in the order of their bits, column by column from the lowest, and the
operations in lexicographic order, and kept the first graph of each class (google-research/nasbench,
`nasbench/scripts/generate_graphs.py`). A cell therefore has the lowest matrix of its class, and the first of the
labellings that are equal under the symmetries of this matrix.
"""

import itertools
from collections.abc import Collection, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from supernet.runtime.progress import Progress
from supernet.spaces.nasbench101.encoding import (
    INPUT,
    MAX_EDGES,
    MAX_VERTICES,
    OPERATIONS,
    OUTPUT,
    Cell,
    Matrix,
    format_cell,
    module_hash,
)

SIZE = 423_624
"""Number of cells of the space."""

Codes: TypeAlias = npt.NDArray[np.int64]
Order: TypeAlias = tuple[int, ...]


def encodings(module_hashes: Collection[str]) -> dict[str, str]:
    """Return the encoding of the cell of each module hash; hashes that belong to no cell are left out.

    Cells are enumerated and hashed until all are found, which takes about a minute for the complete table.
    """
    wanted, found = set(module_hashes), {}
    with Progress("nasbench101", "hashing cells", SIZE, None) as progress:
        for number, cell in enumerate(cells(), start=1):
            digest = module_hash(cell)
            if digest in wanted:
                found[digest] = format_cell(cell)
            progress.update(number)
            if len(found) == len(wanted):
                break
    return found


def cells(max_vertices: int = MAX_VERTICES) -> Iterator[Cell]:
    """Yield all cells of up to `max_vertices` vertices, in the order of the benchmark."""
    for vertices in range(2, max_vertices + 1):
        for code, symmetries in _graphs(vertices):
            matrix = _matrix(code, vertices)
            for interior in _labellings(vertices - 2, symmetries):
                yield Cell(matrix, (INPUT, *interior, OUTPUT))


def _matrix(code: int, vertices: int) -> Matrix:
    return tuple(tuple(int(i < j and code >> _bit(i, j) & 1) for j in range(vertices)) for i in range(vertices))


def _graphs(vertices: int) -> Iterator[tuple[int, list[Order]]]:
    """Yield the lowest code of each class of pruned graphs, with its symmetries as orders of the interior vertices."""
    codes = _pruned(vertices)
    lowest = np.ones(len(codes), dtype=bool)
    symmetric: list[tuple[Order, npt.NDArray[np.bool_]]] = []
    for order in itertools.permutations(range(1, vertices - 1)):
        moved, valid = _relabelled(codes, (0, *order, vertices - 1))
        lowest &= ~valid | (moved >= codes)
        symmetric.append((order, valid & (moved == codes)))
    for position in np.flatnonzero(lowest).tolist():
        yield int(codes[position]), [order for order, fixed in symmetric if fixed[position]]


def _pruned(vertices: int) -> Codes:
    """Return the ascending codes (n,) of the graphs with at most `MAX_EDGES` edges and all vertices on a path.

    Bit `_bit(i, j)` of a code is the edge from i to j.
    """
    codes = np.arange(2 ** (vertices * (vertices - 1) // 2), dtype=np.int64)
    codes = codes[np.bitwise_count(codes) <= MAX_EDGES]
    for vertex in range(vertices):
        leaving = sum(1 << _bit(vertex, j) for j in range(vertex + 1, vertices))
        entering = sum(1 << _bit(i, vertex) for i in range(vertex))
        for mask in (leaving, entering):
            # No edge leaves the output, and no edge enters the input.
            codes = codes[(codes & mask) != 0] if mask else codes
    return codes


def _relabelled(codes: Codes, order: Order) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Return the codes (n,) with vertex v renamed to `order[v]`, and whether all edges still point forward (n,)."""
    moved, valid = np.zeros_like(codes), np.ones(len(codes), dtype=bool)
    for i, j in itertools.combinations(range(len(order)), 2):
        edge = codes >> _bit(i, j) & 1
        if order[i] < order[j]:
            moved |= edge << _bit(order[i], order[j])
        else:
            valid &= edge == 0
    return moved, valid


def _labellings(positions: int, symmetries: list[Order]) -> Iterator[tuple[str, ...]]:
    """Yield operations of the interior vertices: the first of those that symmetries map to each other."""
    for numbers in itertools.product(range(len(OPERATIONS)), repeat=positions):
        if all(numbers <= tuple(numbers[vertex - 1] for vertex in order) for order in symmetries):
            yield tuple(OPERATIONS[number] for number in numbers)


def _bit(i: int, j: int) -> int:
    return i + j * (j - 1) // 2
