"""NASBench-201 (Dong & Yang 2020): 15 625 cells on six edges."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supernet.spaces.base import NetworkSize, Space, permuted_operations
from supernet.spaces.counting import Cost
from supernet.spaces.nasbench201 import conventions, cost, encoding, functions
from supernet.spaces.nasbench201.encoding import CONV1X1, CONV3X3, EDGES, OPERATIONS, Cell

if TYPE_CHECKING:
    from torch import nn

    from supernet.nn.factory import LayerFactory


class NASBench201(Space[Cell]):
    """All assignments of five operations to six edges; each one is a distinct architecture."""

    name = "nasbench201"
    title = "NASBench-201"
    of_the_paper = True
    size = 15_625
    encodings = "5^6 = 15 625"
    operations = OPERATIONS
    weighted_operations = (CONV1X1, CONV3X3)
    laws = ("random_a", "random_nas")
    channels = 16
    layers = 5
    lacks = MappingProxyType(
        {
            "dynamic_channels": "all operations of a cell have its width",
            "wsbn": "an operation on an edge has one input: nothing to specialise",
        }
    )
    baseline = MappingProxyType(
        {
            "epochs": 1000,
            "weight_decay": 3e-3,
            "layers": 5,
            "train_portion": 0.9,
            "batch_size": 128,
            "channels": 16,
        }
    )
    grid = MappingProxyType(
        {
            "epochs": (100, 400, 700, 1000, 1500),
            "weight_decay": (0.0, 1e-4, 3e-4, 5e-4, 1e-3, 3e-3, 5e-3),
            "layers": (5, 3, 1),
            "channels": (16, 8, 4),
        }
    )
    published = ("nasbench201",)
    further = (
        "nasbench201-cifar100",
        "nasbench201-imagenet16",
        "nasbench201-12epochs",
        "nasbench201-cifar100-12epochs",
        "nasbench201-imagenet16-12epochs",
    )
    branches = len(OPERATIONS)
    choices = (len(OPERATIONS),) * len(EDGES)
    relaxation = (1, len(EDGES))
    targets = tuple(target for _, target in EDGES)
    conventions = conventions.CONVENTIONS

    def parse(self, source: Any) -> Cell:
        """Parse the official string, or six operations in its order, to a cell; for numbers, see `decode`."""
        return encoding.parse(source)

    def format(self, arch: Cell) -> str:
        """Return the official architecture string."""
        return encoding.format_cell(arch)

    def arch_id(self, arch: Cell) -> str:
        """Return the official architecture string: the benchmark lists each encoding separately."""
        return encoding.format_cell(arch)

    def function_of(self, arch: Cell) -> str:
        """Return a text of the convolutions and sums of a cell, equal for cells that compute the same function."""
        return functions.function_of(arch)

    def index(self, arch: Cell) -> int:
        """Return the number of a cell in NATS-Bench, from 0 to 15 624."""
        return conventions.index(arch)

    def architecture(self, index: int) -> Cell:
        """Return the cell of a number in NATS-Bench; UserError unless it is an integer from 0 to 15 624."""
        return conventions.architecture(index)

    def degenerate(self, arch: Cell) -> bool:
        """Return whether no convolution is on a path from input to output."""
        plan = encoding.live_plan(arch, True)
        return all(operation not in encoding.CONVOLUTIONS for edges in plan for _, _, operation in edges)

    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Cell]:
        """Draw uniform cells: Random-A and Random-NAS are the same distribution here."""
        numbers = rng.integers(len(OPERATIONS), size=(count, len(EDGES))).tolist()
        return [Cell(tuple(OPERATIONS[op] for op in row)) for row in numbers]

    def fair_groups(
        self, rng: np.random.Generator, count: int, operations: Sequence[str] | None = None
    ) -> list[tuple[Cell, ...]]:
        """Draw groups of cells that together use each of `operations` once on each edge; by default five cells."""
        groups = (permuted_operations(rng, len(EDGES), operations or OPERATIONS) for _ in range(count))
        return [tuple(Cell(tuple(chosen)) for chosen in group) for group in groups]

    def branch(self, arch: Cell) -> int:
        """Return the operation of the edge from the cell's input to its first node."""
        return OPERATIONS.index(arch.operations[0])

    def chosen(self, choices: Sequence[int]) -> Cell:
        """Return the cell of an operation number per edge."""
        return self.decode(choices, "nats")

    def choices_of(self, arch: Cell) -> tuple[int, ...]:
        """Return the operation numbers of a cell."""
        return tuple(map(OPERATIONS.index, arch.operations))

    def discretised(self, weights: npt.NDArray[np.float64]) -> Cell:
        """Return the cell of weights (1, 6, 5): the best operation per edge, also `none`, as in the benchmark."""
        return self.chosen(weights[0].argmax(1).tolist())

    def network(self, factory: LayerFactory, own: Cell | None, size: NetworkSize) -> nn.Module:
        """Return a network of `layers` cells in each of three stages; each edge, or each node, has operations.

        Raises ValueError for a stand-alone network with operations on nodes.
        """
        from supernet.spaces.nasbench201.network import Network

        if own is not None and factory.op_placement != "edge":
            raise ValueError("op_placement: the edges of a stand-alone network own their operations")
        candidates = [OPERATIONS] * len(EDGES) if own is None else [(op,) for op in own.operations]
        return Network(factory, candidates, size)

    def relaxed_macs(
        self, size: NetworkSize, image: int = 32, partial_channels: int = 1
    ) -> tuple[int, npt.NDArray[np.int64]]:
        """Return multiply-adds of stem, down-blocks and linear layer, and of each operation (1, 6, 5)."""
        return cost.relaxed(size, image, partial_channels)

    def count(self, arch: Cell, size: NetworkSize, image: int, zero_in_zero_out: bool) -> Cost:
        """Return parameters and multiply-adds of the network of one cell."""
        return cost.network(arch, size, image, zero_in_zero_out)
