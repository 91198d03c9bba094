"""Cells of NASBench-201 that compute the same function.

Different cells can be one network: `none` adds nothing, `skip_connect` adds its input, sums have no order, average
pooling is linear, and nodes have no names. A cell is therefore written as its convolutions, each with the sum that it
receives, and the sum at its output. Two convolutions with equal inputs remain two, because they have different weights;
a convolution that reaches a sum on two ways remains one, which is counted twice.

`to_unique_str` in D-X-Y/AutoDL-Projects (lib/models/cell_searchs/genotypes.py) is the benchmark's own form: 6 466
classes. It does not distinguish the two cases above, and keeps zeros in sums and the order of nested sums.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from supernet.spaces.nasbench201.encoding import AVGPOOL3X3, EDGES, NONE, SKIP, Cell

INPUT = -1


class Term(NamedTuple):
    """One summand: the number of a convolution, or `INPUT`, after so many average poolings."""

    source: int
    poolings: int


Sum: TypeAlias = tuple[Term, ...]


class Convolution(NamedTuple):
    """An operation with weights, and the sum that it receives."""

    operation: str
    inputs: Sum


def function_of(cell: Cell) -> str:
    """Return a text that is equal for cells that compute the same function, for some weights of one for all of another.

    As for degenerate cells, the convolution of zeros is zero: the shift of its batch norm is ignored.
    """
    convolutions, output = _simplified(cell)
    reached = _reached(convolutions, output)
    shapes = {number: _shape(number, convolutions) for number in reached}
    # Only convolutions of one shape can take each other's place.
    return min(_written(order, convolutions, output) for order in _orders(shapes))


def _simplified(cell: Cell) -> tuple[Sequence[Convolution], Sum]:
    convolutions: list[Convolution] = []
    nodes: dict[int, Sum] = {0: (Term(INPUT, 0),), 1: (), 2: (), 3: ()}
    for (source, target), operation in zip(EDGES, cell.operations, strict=True):
        if operation == SKIP:
            nodes[target] += nodes[source]
        elif operation == AVGPOOL3X3:
            nodes[target] += tuple(Term(one, poolings + 1) for one, poolings in nodes[source])
        elif operation != NONE and nodes[source]:
            nodes[target] += (Term(len(convolutions), 0),)
            convolutions.append(Convolution(operation, nodes[source]))
    return convolutions, nodes[3]


def _reached(convolutions: Sequence[Convolution], output: Sum) -> list[int]:
    """Return the numbers of the convolutions on a path to the output."""
    found: set[int] = set()
    waiting = [output]
    while waiting:
        for source, _ in waiting.pop():
            if source != INPUT and source not in found:
                found.add(source)
                waiting.append(convolutions[source].inputs)
    return sorted(found)


def _shape(number: int, convolutions: Sequence[Convolution]) -> str:
    """Return an expression of a convolution in which all weights have one name."""
    if number == INPUT:
        return "x"
    operation, inputs = convolutions[number]
    return f"{operation}({sorted((_shape(source, convolutions), poolings) for source, poolings in inputs)})"


def _orders(shapes: Mapping[int, str]) -> Iterator[list[int]]:
    """Yield the orders of the convolutions by shape, with all orders of those of one shape."""
    groups = [[number for number, one in shapes.items() if one == shape] for shape in sorted(set(shapes.values()))]
    for chosen in itertools.product(*map(itertools.permutations, groups)):
        yield [number for group in chosen for number in group]


def _written(order: Sequence[int], convolutions: Sequence[Convolution], output: Sum) -> str:
    names = {INPUT: INPUT} | {number: name for name, number in enumerate(order)}

    def total(terms: Sum) -> str:
        return "+".join(f"{name}p{poolings}" for name, poolings in sorted((names[one], n) for one, n in terms))

    return ";".join(
        [*(f"{convolutions[one].operation}({total(convolutions[one].inputs)})" for one in order), total(output)]
    )
