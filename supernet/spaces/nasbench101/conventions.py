"""NASBench-101 cells in the encodings of the benchmark's own library and of NASLib."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from supernet.errors import UserError
from supernet.spaces.conventions import Convention, numbers, plain
from supernet.spaces.nasbench101.encoding import (
    CONV1X1,
    CONV3X3,
    INPUT,
    MAX_VERTICES,
    MAXPOOL3X3,
    OUTPUT,
    Cell,
)

NASLIB_OPERATIONS = (INPUT, OUTPUT, MAXPOOL3X3, CONV1X1, CONV3X3)
"""Source: automl/NASLib, search_spaces/nasbench101/conversions.py."""
_LENGTHS = {size * (size + 1): size for size in range(2, MAX_VERTICES + 1)}
"""Number of vertices by length of NASLib's tuple."""


def _to_spec(cell: Cell) -> dict[str, Any]:
    return {"matrix": [list(row) for row in cell.matrix], "ops": list(cell.operations)}


def _from_spec(source: Any) -> Cell:
    if not isinstance(source, Mapping) or set(source) != {"matrix", "ops"}:
        raise UserError(f"NASBench-101, convention nasbench: found {source!r}; expected a mapping with matrix and ops")
    return Cell.build(plain(source["matrix"]), plain(source["ops"]))


def _to_naslib(cell: Cell) -> tuple[int, ...]:
    matrix = np.zeros((MAX_VERTICES, MAX_VERTICES), dtype=int)
    # Vertices that the cell does not have are unconnected convolutions before the output.
    places = [*range(cell.vertices - 1), MAX_VERTICES - 1]
    matrix[np.ix_(places, places)] = cell.matrix
    absent = [CONV3X3] * (MAX_VERTICES - cell.vertices)
    operations = [*cell.operations[:-1], *absent, cell.operations[-1]]
    return (*matrix.ravel().tolist(), *map(NASLIB_OPERATIONS.index, operations))


def _from_naslib(source: Any) -> Cell:
    where = "NASBench-101, convention naslib"
    found = plain(source)
    if not isinstance(found, list) or len(found) not in _LENGTHS:
        lengths = ", ".join(map(str, _LENGTHS))
        raise UserError(f"{where}: found {source!r}; expected a tuple of one of the lengths {lengths}")
    size = _LENGTHS[len(found)]
    values = numbers(found, where, [2] * size**2 + [len(NASLIB_OPERATIONS)] * size)
    rows = [values[size * row : size * (row + 1)] for row in range(size)]
    return Cell.build(rows, [NASLIB_OPERATIONS[number] for number in values[size**2 :]])


CONVENTIONS: Mapping[str, Convention[Cell]] = MappingProxyType(
    {
        "nasbench": Convention(
            "matrix and ops, the arguments of `ModelSpec` (google-research/nasbench); the `spec` of automl/NASLib",
            _to_spec,
            _from_spec,
        ),
        "naslib": Convention(
            "the adjacency matrix of 7 vertices row by row, then an operation number per vertex "
            f"(`convert_spec_to_tuple` in automl/NASLib): {', '.join(NASLIB_OPERATIONS)}",
            _to_naslib,
            _from_naslib,
        ),
    }
)
