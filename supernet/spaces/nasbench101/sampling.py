"""Distributions of NASBench-101 cells in super-net training: Random-A, Random-NAS and FairNAS.

All take a `numpy.random.Generator` and are deterministic given its state. Operations are indices into `OPERATIONS`,
matrices are bit codes over `np.triu_indices(vertices, 1)`, least significant bit first.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from supernet.errors import UserError
from supernet.spaces.nasbench101.encoding import (
    INPUT,
    MAX_EDGES,
    MAX_VERTICES,
    OPERATIONS,
    OUTPUT,
    Cell,
    output_vertices,
)

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

# Candidates per batch, fixed so that the first cells do not depend on the number of cells requested.
_BATCH = 2048


def random_a(
    rng: np.random.Generator, n: int, max_vertices: int = MAX_VERTICES, outputs: int | None = None
) -> list[Cell]:
    """Draw `n` independent cells, exactly uniform over the non-isomorphic cells of at most `max_vertices`.

    With `outputs`, here and below, only cells with that many interior vertices wired to the output.

    Draws pruned labelled cells uniformly and accepts each with probability 1 / (number of its labellings), so that no
    table of the space is needed. A longer call with the same generator state starts with the same cells. Raises
    UserError if `n` or `max_vertices` is out of range.
    """
    _check_arguments(n, max_vertices)
    return list(itertools.islice(_unique_cells(rng, max_vertices, outputs), n))


def random_nas(
    rng: np.random.Generator, n: int, max_vertices: int = MAX_VERTICES, outputs: int | None = None
) -> list[Cell]:
    """Draw `n` independent cells, uniform over encodings: cells with many encodings are drawn more often.

    An encoding is an independent fair bit per possible edge between `max_vertices` vertices and an independent uniform
    operation per interior vertex. Those that are invalid after pruning (input and output unconnected, more than 9
    edges) are rejected. A longer call with the same generator state starts with the same cells. Raises UserError if
    `n` or `max_vertices` is out of range.
    """
    _check_arguments(n, max_vertices)
    return list(itertools.islice(_encoded_cells(rng, max_vertices, outputs), n))


def fair_group(
    rng: np.random.Generator,
    n: int,
    max_vertices: int = MAX_VERTICES,
    outputs: int | None = None,
    operations: Sequence[str] = OPERATIONS,
) -> list[tuple[Cell, ...]]:
    """Draw `n` groups of cells with one topology that together use each of `operations` at each vertex once.

    The topology is that of a `random_a` cell. Each interior vertex has an independent uniform permutation of the
    operations (strict fairness: Chu et al., "FairNAS", ICCV 2021). Raises UserError if `n` or `max_vertices` is out of
    range.
    """
    matrices = [cell.matrix for cell in random_a(rng, n, max_vertices, outputs)]
    identity = np.tile([OPERATIONS.index(name) for name in operations], (n, max_vertices - 2, 1))
    orders = rng.permuted(identity, axis=2)
    return [
        tuple(Cell(matrix, _names(indices)) for indices in order[: len(matrix) - 2].T)
        for matrix, order in zip(matrices, orders, strict=True)
    ]


def number_of_cells(max_vertices: int = MAX_VERTICES, outputs: int | None = None) -> int:
    """Return the exact number of non-isomorphic cells; UserError if `max_vertices` is out of range.

    A cell with s symmetries has f / s labellings, where f is the number of forward orders of its topology. The number
    of cells is therefore the sum of s / f over labelled cells. By Burnside's lemma, s summed over the operations of one
    topology is the sum over its symmetries of the number of choices of operations that each symmetry fixes: one
    operation per cycle.
    """
    _check_arguments(0, max_vertices)
    total = 0.0
    for vertices in range(2, max_vertices + 1):
        table = _topologies(vertices, outputs)
        cycles = np.array([_cycles(order) for order in table.interior_orders.tolist()])
        fixed = table.symmetries @ (len(OPERATIONS) ** cycles)
        total += float((fixed / table.forward_orders).sum())
    return round(total)


def _cycles(order: list[int]) -> int:
    seen: set[int] = set()
    count = 0
    for start in range(len(order)):
        count += start not in seen
        position = start
        while position not in seen:
            seen.add(position)
            position = order[position]
    return count


@dataclass(frozen=True, slots=True)
class _Topologies:
    """The M pruned matrices of one size, and the action of the P orders of interior vertices on them."""

    matrices: NDArray[np.uint8]  # (M, vertices, vertices)
    interior_orders: Ints  # (P, vertices - 2): position among the interior vertices -> position
    forward_orders: Ints  # (M,): number of orders that keep the matrix upper triangular
    symmetries: Bools  # (M, P): which of the orders map the matrix to itself

    def labelled_cells(self) -> int:
        """Return the number of labelled cells: each matrix with each choice of operations."""
        return len(self.matrices) * int(len(OPERATIONS) ** self.interior_orders.shape[1])


@functools.cache
def _topologies(vertices: int, outputs: int | None = None) -> _Topologies:
    rows, columns = np.triu_indices(vertices, 1)
    codes = _pruned_codes(vertices)
    if outputs is not None:
        shared = (1 << np.flatnonzero((columns == vertices - 1) & (rows > 0))).sum()
        codes = codes[np.bitwise_count(codes & shared) == outputs]
    bits = codes[:, None] >> np.arange(len(rows)) & 1
    interior_orders = np.array(list(itertools.permutations(range(vertices - 2))), dtype=np.int64)
    images = bits @ _moved_weights(vertices, interior_orders)
    matrices = np.zeros((len(codes), vertices, vertices), dtype=np.uint8)
    matrices[:, rows, columns] = bits
    forward = (images < 1 << len(rows)).sum(axis=1)
    return _Topologies(matrices, interior_orders, forward, images == codes[:, None])


def _pruned_codes(vertices: int) -> Ints:
    """Return codes of all pruned matrices on `vertices` vertices with at most 9 edges, in ascending order."""
    rows, columns = np.triu_indices(vertices, 1)
    weights = 1 << np.arange(len(rows))
    codes = np.arange(1 << len(rows))
    codes = codes[np.bitwise_count(codes) <= MAX_EDGES]
    # Edges point forward, so a vertex is on a path if an edge enters it and another leaves it.
    for vertex in range(1, vertices):
        codes = codes[codes & weights[columns == vertex].sum() != 0]
        codes = codes[codes & weights[rows == vertex - 1].sum() != 0]
    return codes


def _moved_weights(vertices: int, interior_orders: Ints) -> Ints:
    """Return (E, P) weights of each edge's bit after each reordering; 2^E if the edge no longer points forward."""
    rows, columns = np.triu_indices(vertices, 1)
    weights = np.full((vertices, vertices), 1 << len(rows))
    weights[rows, columns] = 1 << np.arange(len(rows))
    ends = np.ones((len(interior_orders), 1), dtype=np.int64)
    positions = np.hstack([0 * ends, interior_orders + 1, (vertices - 1) * ends]).T
    return weights[positions[rows], positions[columns]]


def _unique_cells(rng: np.random.Generator, max_vertices: int, outputs: int | None) -> Iterator[Cell]:
    tables = [_topologies(vertices, outputs) for vertices in range(2, max_vertices + 1)]
    ends = np.cumsum([table.labelled_cells() for table in tables])
    while True:
        draws = rng.integers(ends[-1], size=_BATCH)
        owners = np.searchsorted(ends, draws, side="right")
        accepted = np.zeros(_BATCH, dtype=bool)
        for owner, table in enumerate(tables):
            of_table = np.flatnonzero(owners == owner)
            draws[of_table] -= ends[owner] - table.labelled_cells()
            accepted[of_table] = _accept(rng, table, draws[of_table])
        for owner, draw in zip(owners[accepted], draws[accepted], strict=True):
            topology, operations = _split(tables[owner], draw[None])
            yield _cell(tables[owner].matrices[topology[0]], operations[0])


def _accept(rng: np.random.Generator, table: _Topologies, draws: Ints) -> Bools:
    """Accept each labelled cell with probability 1 / (number of its labellings).

    By the orbit-stabiliser theorem that number is the forward orders of the topology divided by the symmetries of the
    cell.
    """
    topologies, operations = _split(table, draws)
    thresholds = rng.integers(table.forward_orders[topologies])
    accepted: Bools = thresholds < table.symmetries[topologies].sum(axis=1)
    likely = np.flatnonzero(accepted)
    reordered = operations[likely][:, table.interior_orders]
    kept = (reordered == operations[likely][:, None]).all(axis=2)
    accepted[likely] = thresholds[likely] < (kept & table.symmetries[topologies[likely]]).sum(axis=1)
    return accepted


def _split(table: _Topologies, draws: Ints) -> tuple[Ints, Ints]:
    """Return topology indices (B,) and operation indices (B, vertices - 2) of labelled cells numbered from 0."""
    interior = table.interior_orders.shape[1]
    base = len(OPERATIONS)
    topologies, code = np.divmod(draws, base**interior)
    return topologies, code[:, None] // base ** np.arange(interior) % base


def _encoded_cells(rng: np.random.Generator, max_vertices: int, outputs: int | None) -> Iterator[Cell]:
    rows, columns = np.triu_indices(max_vertices, 1)
    while True:
        matrices = np.zeros((_BATCH, max_vertices, max_vertices), dtype=np.uint8)
        matrices[:, rows, columns] = rng.integers(2, size=(_BATCH, len(rows)))
        operations = rng.integers(len(OPERATIONS), size=(_BATCH, max_vertices - 2))
        on_path = _on_path(matrices)
        edges = (matrices * on_path[:, :, None] * on_path[:, None, :]).sum(axis=(1, 2))
        for draw in np.flatnonzero(on_path[:, 0] & (edges <= MAX_EDGES)):
            kept = np.flatnonzero(on_path[draw])
            matrix = matrices[draw][np.ix_(kept, kept)]
            if outputs is None or output_vertices(matrix.tolist()) == outputs:
                yield _cell(matrix, operations[draw, kept[1:-1] - 1])


def _on_path(matrices: NDArray[np.uint8]) -> Bools:
    """Return (B, v) whether each vertex of (B, v, v) matrices is on a path from the first to the last vertex."""
    last = matrices.shape[1] - 1
    fed = np.zeros(matrices.shape[:2], dtype=bool)
    used = fed.copy()
    fed[:, 0], used[:, last] = True, True
    for vertex in range(1, last + 1):
        fed[:, vertex] = (fed & (matrices[:, :, vertex] == 1)).any(axis=1)
    for vertex in range(last - 1, -1, -1):
        used[:, vertex] = (used & (matrices[:, vertex] == 1)).any(axis=1)
    return fed & used


def _cell(matrix: NDArray[np.uint8], operations: Ints) -> Cell:
    return Cell(tuple(map(tuple, matrix.tolist())), _names(operations))


def _names(operations: Ints) -> tuple[str, ...]:
    return (INPUT, *(OPERATIONS[index] for index in operations), OUTPUT)


def _check_arguments(n: int, max_vertices: int) -> None:
    if n < 0 or not 2 <= max_vertices <= MAX_VERTICES:
        raise UserError(
            f"NASBench-101 sampling: n={n}, max_vertices={max_vertices}; "
            f"n must be at least 0 and max_vertices from 2 to {MAX_VERTICES}"
        )
