"""Distributions of DARTS genotypes in super-net training: Random-A and FairNAS."""

from collections.abc import Sequence

import numpy as np

from supernet.spaces.base import permuted_operations
from supernet.spaces.darts.encoding import EDGES, NODES, OPERATIONS, Cell, Concat, Genotype, built


def random_a(rng: np.random.Generator, count: int, concat: Concat) -> list[Genotype]:
    """Draw uniformly over distinct genotypes: an unordered pair of edges per node, equal edges included."""
    return [Genotype(_uniform_cell(rng, concat), _uniform_cell(rng, concat)) for _ in range(count)]


def fair_groups(
    rng: np.random.Generator, count: int, concat: Concat, operations: Sequence[str] = OPERATIONS
) -> list[tuple[Genotype, ...]]:
    """Draw FairNAS groups: the inputs of one `random_a` genotype, and a permutation of `operations` per edge.

    The concatenated states follow from the inputs, so they are the same in all genotypes of a group.
    """
    return [_fair_group(rng, topology, operations) for topology in random_a(rng, count, concat)]


def _fair_group(rng: np.random.Generator, topology: Genotype, operations: Sequence[str]) -> tuple[Genotype, ...]:
    normals = _relabelled(rng, topology.normal, operations)
    return tuple(map(Genotype, normals, _relabelled(rng, topology.reduce, operations)))


def _relabelled(rng: np.random.Generator, cell: Cell, operations: Sequence[str]) -> list[Cell]:
    rows = permuted_operations(rng, EDGES, operations)
    edges = [[(op, state) for op, (_, state) in zip(row, cell.edges, strict=True)] for row in rows]
    return [Cell.build(own, cell.concat) for own in edges]


def _uniform_cell(rng: np.random.Generator, concat: Concat) -> Cell:
    edges: list[tuple[str, int]] = []
    for node in range(NODES):
        choices = len(OPERATIONS) * (2 + node)
        # Unordered pairs (i <= j) are the cells of a triangle; draw from a rectangle that covers it evenly.
        low, high = sorted(_triangle_cell(rng, choices))
        edges += [(OPERATIONS[c % len(OPERATIONS)], c // len(OPERATIONS)) for c in (low, high)]
    return built(edges, concat)


def _triangle_cell(rng: np.random.Generator, choices: int) -> tuple[int, int]:
    """Draw a uniform pair i <= j: two of the choices·(choices + 1) cells of a rectangle map to each pair."""
    row, column = int(rng.integers(choices)), int(rng.integers(choices + 1))
    return (row, column - 1) if column > row else (choices - 1 - row, choices - 1 - column)
