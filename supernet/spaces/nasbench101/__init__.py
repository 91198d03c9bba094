"""NASBench-101 (Ying et al. 2019): 423 624 cells of up to 7 vertices and 9 edges."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from supernet.spaces.base import NetworkSize, Space
from supernet.spaces.counting import Cost
from supernet.spaces.nasbench101 import choices, conventions, cost, encoding, sampling
from supernet.spaces.nasbench101.encoding import CONV1X1, CONV3X3, OPERATIONS, Cell

if TYPE_CHECKING:
    from torch import nn

    from supernet.nn.factory import LayerFactory


class NASBench101(Space[Cell]):
    """Cells up to isomorphism; `arch_id` is the benchmark's own hash."""

    name = "nasbench101"
    title = "NASBench-101"
    of_the_paper = True
    size = 423_624
    encodings = "2^21 · 3^5 = 5.1e8"
    operations = OPERATIONS
    weighted_operations = (CONV1X1, CONV3X3)
    laws = ("random_a", "random_nas")
    channels = 128
    layers = 9
    least_channels = 4  # a cell's output is shared by up to four vertices
    layer_multiple = 3  # the cells of the three stacks are counted together
    lacks = MappingProxyType({"op_placement": "the space defines its operations on vertices"})
    baseline = MappingProxyType(
        {
            "epochs": 400,
            "weight_decay": 1e-3,
            "layers": 9,
            "train_portion": 0.75,
            "batch_size": 256,
            "channels": 128,
            "dynamic_channels": "fixed-v2",
        }
    )
    grid = MappingProxyType({"layers": (9, 6, 3), "channels": (128, 64, 32)})
    published = ("nasbench101",)
    unrelaxed = "channels depend on the wiring"
    branches = len(OPERATIONS)
    choices = choices.SIZES
    conventions = conventions.CONVENTIONS
    # The benchmark's .997 follows TensorFlow's convention: the weight of the past, not of the batch.
    bn_momentum = 0.003
    authors_bn_momentum = 0.997

    def parse(self, source: Any) -> Cell:
        """Parse a text, a mapping with matrix and operations, or such a pair, to a pruned cell."""
        return encoding.parse(source)

    def format(self, arch: Cell) -> str:
        """Return operation letters, a colon and the rows of the upper triangle: `I3MO:110/01/1`."""
        return encoding.format_cell(arch)

    def arch_id(self, arch: Cell) -> str:
        """Return the official isomorphism-invariant MD5 hash."""
        return encoding.module_hash(arch)

    def degenerate(self, arch: Cell) -> bool:
        """Return whether no vertex of the pruned cell is a convolution; projections do not count."""
        return all(name not in (CONV1X1, CONV3X3) for name in arch.operations)

    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Cell]:
        """Draw cells uniformly up to isomorphism (`random_a`) or uniformly over encodings (`random_nas`)."""
        return {"random_a": sampling.random_a, "random_nas": sampling.random_nas}[law](rng, count)

    def fair_groups(
        self, rng: np.random.Generator, count: int, operations: Sequence[str] | None = None
    ) -> list[tuple[Cell, ...]]:
        """Draw groups of cells of one wiring that together use each of `operations` once at each vertex.

        By default these are three cells.
        """
        return sampling.fair_group(rng, count, operations=operations or OPERATIONS)

    def branch(self, arch: Cell) -> int:
        """Return the operation of the first interior vertex, in this cell's numbering; 0 without interior vertices."""
        return OPERATIONS.index(arch.operations[1]) if arch.vertices > 2 else 0

    def chosen(self, made: Sequence[int]) -> Cell:
        """Return the pruned cell of 21 bits of the upper triangle and five operations."""
        return choices.chosen(made)

    def choices_of(self, arch: Cell) -> tuple[int, ...]:
        """Return the bits and operations of a cell."""
        return choices.choices_of(arch)

    def network(self, factory: LayerFactory, own: Cell | None, size: NetworkSize) -> nn.Module:
        """Return a network of `layers` cells in three stacks; each vertex has operations and an input projection."""
        from supernet.spaces.nasbench101.network import Network

        return Network(factory, own, size)

    def count(self, arch: Cell, size: NetworkSize, image: int, zero_in_zero_out: bool) -> Cost:
        """Return parameters and multiply-adds of the network of one cell; no vertex has an input of zeros."""
        return cost.network(arch, size, image)
