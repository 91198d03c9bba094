"""NASBench-201 cells: six edges over four nodes, one of five operations on each (Dong & Yang 2020)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from supernet.errors import UserError
from supernet.spaces.conventions import is_integer, plain

NONE, SKIP, CONV1X1 = "none", "skip_connect", "nor_conv_1x1"
CONV3X3, AVGPOOL3X3 = "nor_conv_3x3", "avg_pool_3x3"
OPERATIONS = (NONE, SKIP, CONV1X1, CONV3X3, AVGPOOL3X3)
CONVOLUTIONS = frozenset({CONV1X1, CONV3X3})

# (source, target) of each edge, in the order of the official architecture string.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

Plan = tuple[tuple[tuple[int, int, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """The operation of each edge, in the order of `EDGES`."""

    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.operations) != len(EDGES):
            raise UserError(f"NASBench-201: found {len(self.operations)} operations; expected {len(EDGES)}")
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise UserError(f"NASBench-201: found operation {operation!r}; expected one of {', '.join(OPERATIONS)}")


def format_cell(cell: Cell) -> str:
    """Return the official string, for example `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|…|`."""
    nodes = []
    for target in (1, 2, 3):
        edges = [(EDGES[i][0], op) for i, op in enumerate(cell.operations) if EDGES[i][1] == target]
        nodes.append("|" + "|".join(f"{op}~{source}" for source, op in edges) + "|")
    return "+".join(nodes)


def parse(source: Any) -> Cell:
    """Return the cell of an official string, of six operations in the order of `EDGES`, or of a cell.

    Operation numbers are refused, because their meaning depends on the project that they come from.
    """
    if isinstance(source, Cell):
        return source
    if isinstance(source, str):
        return _parse_text(source)
    found = plain(source)
    if not isinstance(found, Sequence):
        raise UserError(f"NASBench-201: found {source!r}; expected an architecture string or six operations")
    if any(map(is_integer, found)):
        raise UserError(
            f"NASBench-201: found numbers in {source!r}, whose meaning depends on their convention; "
            "use decode(numbers, 'nats') or decode(numbers, 'naslib') of the space"
        )
    return Cell(tuple(found))


def _parse_text(text: str) -> Cell:
    operations = []
    nodes = text.strip().split("+")
    for target, node in enumerate(nodes, start=1):
        if not re.fullmatch(r"\|(\w+~\d\|)+", node):
            raise UserError(f"NASBench-201: found node {node!r} in {text!r}; expected |operation~source|…|")
        edges = [edge.split("~") for edge in node.strip("|").split("|")]
        if [int(source) for _, source in edges] != list(range(target)):
            raise UserError(f"NASBench-201: node {target} of {text!r}: expected the sources 0 to {target - 1}")
        operations += [op for op, _ in edges]
    if len(nodes) != 3:
        raise UserError(f"NASBench-201: found {len(nodes)} nodes in {text!r}; expected 3")
    return Cell(tuple(operations))


@lru_cache(maxsize=32_768)
def live_plan(cell: Cell, zero_in_zero_out: bool) -> Plan:
    """Return for each of the nodes 1 to 3 the edges (number, source, operation) that the cell must compute.

    Edges without a path to the output are skipped. Convolutions whose input is zero are skipped if `zero_in_zero_out`,
    which does not hold with affine batch norm (its shift would reach the output) or tracked statistics (their mean
    would).
    """
    nonzero = _nonzero_nodes(cell, zero_in_zero_out)
    wanted, plan = {3}, []
    for target in (3, 2, 1):
        edges = [
            (number, source, cell.operations[number])
            for number, (source, end) in enumerate(EDGES)
            if end == target and target in wanted and _carries(cell, number, nonzero, zero_in_zero_out)
        ]
        # A zero source is not computed; only the shift of a convolution depends on this edge.
        wanted |= {source for _, source, _ in edges}
        plan.append(tuple(edges))
    return tuple(reversed(plan))


def _carries(cell: Cell, number: int, nonzero: set[int], zero_in_zero_out: bool) -> bool:
    operation, source = cell.operations[number], EDGES[number][0]
    if operation == NONE:
        return False
    return source in nonzero or (operation in CONVOLUTIONS and not zero_in_zero_out)


def _nonzero_nodes(cell: Cell, zero_in_zero_out: bool) -> set[int]:
    nonzero = {0}
    for target in (1, 2, 3):
        if any(
            end == target and _carries(cell, number, nonzero, zero_in_zero_out) for number, (_, end) in enumerate(EDGES)
        ):
            nonzero.add(target)
    return nonzero
