"""All cells of NASBench-101, each once up to isomorphism, with the very labelling that the benchmark trained.

The labelling matters: where three vertices share 128 output channels, the first two get one more than the third. The
benchmark went through the matrices of each size in the order of their bits, column by column from the lowest, and
through the operations in lexicographic order, and kept the first graph of each class (google-research/nasbench,
`nasbench/scripts/generate_graphs.py`). So a cell has the lowest matrix of its class, and among the labellings that
symmetries of this matrix make equal, the first.
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
"""Cells of the space."""

Codes: TypeAlias = npt.NDArray[np.int64]
Order: TypeAlias = tuple[int, ...]


def encodings(module_hashes: Collection[str]) -> dict[str, str]:
    """The text of the benchmark's cell of each module hash; a hash that no cell has is left out.

    Takes about a minute for the whole table: cells are enumerated and hashed until all are found.
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
    """All cells of up to `max_vertices` vertices, in the benchmark's order."""
    for vertices in range(2, max_vertices + 1):
        for code, symmetries in _graphs(vertices):
            matrix = _matrix(code, vertices)
            for interior in _labellings(vertices - 2, symmetries):
                yield Cell(matrix, (INPUT, *interior, OUTPUT))


def _matrix(code: int, vertices: int) -> Matrix:
    return tuple(tuple(int(i < j and code >> _bit(i, j) & 1) for j in range(vertices)) for i in range(vertices))


def _graphs(vertices: int) -> Iterator[tuple[int, list[Order]]]:
    """The lowest code of each class of pruned graphs, with its symmetries as orders of the interior vertices."""
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
    """Codes of the graphs of the space, ascending: every vertex on a path, not too many edges.

    Bit `_bit(i, j)` of a code is the edge from i to j.
    """
    codes = np.arange(2 ** (vertices * (vertices - 1) // 2), dtype=np.int64)
    codes = codes[np.bitwise_count(codes) <= MAX_EDGES]
    for vertex in range(vertices):
        leaving = sum(1 << _bit(vertex, j) for j in range(vertex + 1, vertices))
        entering = sum(1 << _bit(i, vertex) for i in range(vertex))
        for mask in (leaving, entering):
            # The output has no edge that leaves it, the input none that enters it.
            codes = codes[(codes & mask) != 0] if mask else codes
    return codes


def _relabelled(codes: Codes, order: Order) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """The codes when vertex v is called `order[v]`, and where all edges still point forward."""
    moved, valid = np.zeros_like(codes), np.ones(len(codes), dtype=bool)
    for i, j in itertools.combinations(range(len(order)), 2):
        edge = codes >> _bit(i, j) & 1
        if order[i] < order[j]:
            moved |= edge << _bit(order[i], order[j])
        else:
            valid &= edge == 0
    return moved, valid


def _labellings(positions: int, symmetries: list[Order]) -> Iterator[tuple[str, ...]]:
    """Operations of the interior vertices: of those that a symmetry maps to each other, the first."""
    for numbers in itertools.product(range(len(OPERATIONS)), repeat=positions):
        if all(numbers <= tuple(numbers[vertex - 1] for vertex in order) for order in symmetries):
            yield tuple(OPERATIONS[number] for number in numbers)


def _bit(i: int, j: int) -> int:
    return i + j * (j - 1) // 2
