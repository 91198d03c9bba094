"""NASBench-201 cells in the encodings of NATS-Bench and NASLib, and their numbers in NATS-Bench."""

import itertools
import random
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from supernet.errors import UserError
from supernet.spaces.conventions import Convention, is_integer, numbers, plain
from supernet.spaces.nasbench201.encoding import AVGPOOL3X3, CONV1X1, CONV3X3, EDGES, NONE, OPERATIONS, SKIP, Cell

NASLIB_OPERATIONS = (SKIP, NONE, CONV3X3, CONV1X1, AVGPOOL3X3)
NASLIB_EDGES = tuple(sorted(EDGES))
"""Edges by their source, then by their target. Source: automl/NASLib, search_spaces/nasbench201/conversions.py."""
NODES = 4
_SEED = 88


def _encode(cell: Cell, operations: Sequence[str], edges: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    by_edge = dict(zip(EDGES, cell.operations, strict=True))
    return tuple(operations.index(by_edge[edge]) for edge in edges)


def _decode(source: Any, name: str, operations: Sequence[str], edges: Sequence[tuple[int, int]]) -> Cell:
    found = numbers(source, f"NASBench-201, convention {name}", [len(operations)] * len(edges))
    by_edge = dict(zip(edges, found, strict=True))
    return Cell(tuple(operations[by_edge[edge]] for edge in EDGES))


def _encode_matrix(cell: Cell) -> tuple[tuple[int, ...], ...]:
    matrix = [[0] * NODES for _ in range(NODES)]
    for (source, target), operation in zip(EDGES, cell.operations, strict=True):
        matrix[target][source] = OPERATIONS.index(operation)
    return tuple(map(tuple, matrix))


def _decode_matrix(source: Any) -> Cell:
    rows = plain(source)
    where = "NASBench-201, convention nats_matrix"
    if not isinstance(rows, list) or len(rows) != NODES:
        raise UserError(f"{where}: found {source!r}; expected {NODES} rows of {NODES} integers")
    # The diagonal and the upper triangle have no edges: only 0 is accepted there.
    matrix = [
        numbers(row, f"{where}, row {target}", [len(OPERATIONS) if column < target else 1 for column in range(NODES)])
        for target, row in enumerate(rows)
    ]
    return Cell(tuple(OPERATIONS[matrix[target][column]] for column, target in EDGES))


CONVENTIONS: Mapping[str, Convention[Cell]] = MappingProxyType(
    {
        "nats": Convention(
            "six operation numbers in the order of the official string (D-X-Y/NATS-Bench): edges "
            f"{', '.join(f'{source}-{target}' for source, target in EDGES)}; operations {', '.join(OPERATIONS)}",
            lambda cell: _encode(cell, OPERATIONS, EDGES),
            lambda source: _decode(source, "nats", OPERATIONS, EDGES),
        ),
        "nats_matrix": Convention(
            "4 x 4 operation numbers, rows are targets and columns sources (`str2matrix` in D-X-Y/NATS-Bench)",
            _encode_matrix,
            _decode_matrix,
        ),
        "naslib": Convention(
            "six operation numbers (`op_indices` in automl/NASLib): edges "
            f"{', '.join(f'{source}-{target}' for source, target in NASLIB_EDGES)}; "
            f"operations {', '.join(NASLIB_OPERATIONS)}",
            lambda cell: _encode(cell, NASLIB_OPERATIONS, NASLIB_EDGES),
            lambda source: _decode(source, "naslib", NASLIB_OPERATIONS, NASLIB_EDGES),
        ),
    }
)


def index(cell: Cell) -> int:
    """Return the number of a cell in NATS-Bench and NASBench-201, from 0 to 15 624."""
    return _indices()[cell.operations]


def architecture(number: Any) -> Cell:
    """Return the cell of a number in NATS-Bench; UserError unless it is an integer from 0 to 15 624."""
    order = _order()
    if not is_integer(number) or not 0 <= number < len(order):
        raise UserError(f"NASBench-201: found the index {number!r}; expected an integer from 0 to {len(order) - 1}")
    return Cell(order[int(number)])


@cache
def _order() -> tuple[tuple[str, ...], ...]:
    """Return the operations of all cells in the order of the benchmark.

    Its authors shuffled all cells from a fixed seed. Source: `traverse_net` in D-X-Y/AutoDL-Projects,
    exps/NATS-Bench/tss-collect.py.
    """
    cells = list(itertools.product(OPERATIONS, repeat=len(EDGES)))
    random.Random(_SEED).shuffle(cells)
    return tuple(cells)


@cache
def _indices() -> Mapping[tuple[str, ...], int]:
    return MappingProxyType({operations: number for number, operations in enumerate(_order())})
