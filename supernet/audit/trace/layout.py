"""Layout of an acyclic graph: boxes in columns from left to right, with few crossings of arrows.

The method is that of Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures"
(1981): layers, dummy boxes for arrows that pass a column, sorting by the mean position of neighbours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from supernet.errors import UserError

SWEEPS = 8
"""Number of passes that sort the columns by their neighbours, alternately from the right and from the left."""


@dataclass(frozen=True)
class Layout:
    """Positions of boxes and routes of arrows.

    `columns` has, from left to right, the boxes of each column from top to bottom; None marks a place of an arrow.
    `routes` has, per arrow, its (column, row) pairs from the source to the target.
    """

    columns: tuple[tuple[int | None, ...], ...]
    routes: Mapping[tuple[int, int], tuple[tuple[int, int], ...]]


def layout(count: int, arrows: Sequence[tuple[int, int]]) -> Layout:
    """Return the layout of `count` boxes; every arrow goes to a column further to the right."""
    column = _columns(count, arrows)
    # An arrow over several columns has a place in each of them, as if there were a box.
    chains, members = {}, list(column)
    for source, target in arrows:
        between = range(column[source] + 1, column[target])
        chains[source, target] = [source, *range(len(members), len(members) + len(between)), target]
        members += between
    layers: list[list[int]] = [[] for _ in range(max(members, default=0) + 1)]
    for number, place in enumerate(members):
        layers[place].append(number)
    _sort(layers, [pair for chain in chains.values() for pair in pairwise(chain)])
    rank = {number: (place, row) for place, layer in enumerate(layers) for row, number in enumerate(layer)}
    columns = tuple(tuple(number if number < count else None for number in layer) for layer in layers)
    return Layout(columns, {arrow: tuple(rank[number] for number in chain) for arrow, chain in chains.items()})


def crossings(layers: Sequence[Sequence[int]], links: Iterable[tuple[int, int]]) -> int:
    """Return the number of crossing pairs of links between neighbouring columns."""
    where = {number: (place, row) for place, layer in enumerate(layers) for row, number in enumerate(layer)}
    ends = [(where[source], where[target]) for source, target in links]
    return sum(
        (a[0][1] - b[0][1]) * (a[1][1] - b[1][1]) < 0
        for number, a in enumerate(ends)
        for b in ends[:number]
        if a[0][0] == b[0][0]
    )


def _columns(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """Return the column of each box, as far to the right as its arrows allow; UserError if the graph has a cycle."""
    distance = [0] * count
    for _ in range(count):
        changed = False
        for source, target in arrows:
            if distance[source] <= distance[target]:
                distance[source], changed = distance[target] + 1, True
        if not changed:
            last = max(distance, default=0)
            return [last - one for one in distance]
    if count:
        raise UserError("provenance records: results are made from themselves (a cycle); see `supernet audit`")
    return []


def _sort(layers: list[list[int]], links: Sequence[tuple[int, int]]) -> None:
    """Sort columns by the mean position of neighbours in alternating passes; keep the order with fewest crossings."""
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for source, target in links:
        after.setdefault(source, []).append(target)
        before.setdefault(target, []).append(source)
    best, fewest = [list(layer) for layer in layers], crossings(layers, links)
    for sweep in range(SWEEPS):
        onwards = sweep % 2 == 1
        order = range(1, len(layers)) if onwards else range(len(layers) - 2, -1, -1)
        for place in order:
            _by_neighbours(layers[place], layers[place - 1 if onwards else place + 1], before if onwards else after)
        if (now := crossings(layers, links)) < fewest:
            best, fewest = [list(layer) for layer in layers], now
    layers[:] = best


def _by_neighbours(layer: list[int], fixed: Sequence[int], neighbours: Mapping[int, Sequence[int]]) -> None:
    place = {number: row for row, number in enumerate(fixed)}
    own = {number: row * len(fixed) / len(layer) for row, number in enumerate(layer)}

    def mean(number: int) -> float:
        near = [place[one] for one in neighbours.get(number, ()) if one in place]
        return sum(near) / len(near) if near else own[number]

    layer.sort(key=mean)
