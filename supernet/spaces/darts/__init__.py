"""DARTS (Liu et al. 2019), with published accuracies of genotypes that others sampled and trained."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supernet.spaces.base import NetworkSize, Space
from supernet.spaces.counting import Cost
from supernet.spaces.darts import choices, conventions, cost, encoding, sampling
from supernet.spaces.darts.encoding import NODES, OPERATIONS, POSITIONS, Concat, Genotype

if TYPE_CHECKING:
    from torch import nn

    from supernet.nn.factory import LayerFactory

_PUBLISHED = MappingProxyType(
    {
        # 545 trainings, of which some repeat a genotype.
        "darts-oncenas545": 526,
        "darts-oncenas545-10epochs": 526,
        "darts-214": 214,
        "darts-swap1000": 1_000,
        "darts-nds": 5_000,
        "darts-nds-varied": 5_000,
    }
)
"""Distinct genotypes of each table."""


class Darts(Space[Genotype]):
    """Two cells of four nodes; `size` counts the genotypes of NDS (Radosavovic et al. 2019), as in the paper.

    Genotypes that are drawn, chosen or discretised concatenate what `concat` says; those that are parsed, what they
    say.
    """

    name = "darts"
    title = "DARTS"
    of_the_paper = True
    size = 5_000
    encodings = "(2·3·4·5·8^4)^4 = 5.8e22"
    operations = OPERATIONS
    weighted_operations = ("dil_conv_3x3", "dil_conv_5x5", "sep_conv_3x3", "sep_conv_5x5")
    laws = ("random_a",)
    channels = 36
    layers = 20
    lacks = MappingProxyType({"dynamic_channels": "all operations of a cell have its width"})
    baseline = MappingProxyType(
        {
            "batch_norm": "none",
            "epochs": 400,
            "weight_decay": 0.0,
            "layers": 12,
            "train_portion": 0.9,
            "batch_size": 256,
            "channels": 36,
        }
    )
    grid = MappingProxyType({"layers": (12, 8, 4), "channels": (36, 16, 8)})
    published = ("darts-oncenas545", "darts-214", "darts-swap1000", "darts-nds", "darts-nds-varied")
    further = ("darts-oncenas545-10epochs",)
    branches = len(OPERATIONS)
    choices = choices.SIZES
    conventions = conventions.CONVENTIONS
    relaxation = (2, POSITIONS)
    targets = tuple(node for node in range(NODES) for _ in range(2 + node))

    def __init__(self, concat: Concat = "loose_ends") -> None:
        self.concat = concat

    @property
    def distinct(self) -> int:
        """The number of genotypes that can be drawn: an unordered pair of edges per node, in both cells."""
        edges = [len(OPERATIONS) * (2 + node) for node in range(NODES)]
        return prod(comb(count + 1, 2) for count in edges) ** 2

    def published_size(self, table: str) -> int:
        """Return the number of distinct genotypes of a published table; `size` for a table of another name."""
        return _PUBLISHED.get(table, self.size)

    def parse(self, source: Any) -> Genotype:
        """Parse a text, or a mapping with normal, reduce and their concat, to a genotype."""
        return encoding.parse(source)

    def format(self, arch: Genotype) -> str:
        """Return the text of a genotype."""
        return encoding.format_genotype(arch)

    def arch_id(self, arch: Genotype) -> str:
        """Return a hash of both cells; the order of a node's two edges has no effect."""
        return encoding.arch_id(arch)

    def degenerate(self, arch: Genotype) -> bool:
        """Return whether neither cell has a convolution on a path from an input to the output."""
        return not any(encoding.convolves(cell) for cell in (arch.normal, arch.reduce))

    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Genotype]:
        """Draw uniform genotypes (`random_a`)."""
        return sampling.random_a(rng, count, self.concat)

    def draws(self, arch: Genotype) -> bool:
        """Return whether both cells concatenate the states of `concat`."""
        return all(cell == encoding.built(cell.edges, self.concat) for cell in (arch.normal, arch.reduce))

    def undrawn(self, encodings: Sequence[str]) -> list[str]:
        """Return the genotypes, given as texts, that concatenate other states than `concat`."""
        return [text for text in encodings if not self.draws(encoding.parse(text))]

    def fair_groups(
        self, rng: np.random.Generator, count: int, operations: Sequence[str] | None = None
    ) -> list[tuple[Genotype, ...]]:
        """Draw groups of genotypes of one topology that together use each of `operations` once on each edge.

        By default these are eight genotypes.
        """
        return sampling.fair_groups(rng, count, self.concat, operations or OPERATIONS)

    def branch(self, arch: Genotype) -> int:
        """Return the operation of the first edge of the normal cell's first node, from the lower input state."""
        operation, _ = arch.normal.edges[0]
        return OPERATIONS.index(operation)

    def chosen(self, made: Sequence[int]) -> Genotype:
        """Return the genotype of an input state and an operation per edge."""
        return choices.chosen(made, self.concat)

    def choices_of(self, arch: Genotype) -> tuple[int, ...]:
        """Return the input states and operations of a genotype."""
        return choices.choices_of(arch)

    def discretised(self, weights: npt.NDArray[np.float64]) -> Genotype:
        """Return the genotype of weights (2, 14, 8): the two strongest inputs per node, with their best operations."""
        return choices.discretised(weights, self.concat)

    def network(self, factory: LayerFactory, own: Genotype | None, size: NetworkSize) -> nn.Module:
        """Return a network of `layers` cells in total, without auxiliary head.

        Each pair of node and input state has its own operations, or each node has two sets of them.
        """
        from supernet.spaces.darts.network import Network

        return Network(factory, own, size)

    def relaxed_macs(
        self, size: NetworkSize, image: int = 32, partial_channels: int = 1
    ) -> tuple[int, npt.NDArray[np.int64]]:
        """Return multiply-adds of stem, projections and linear layer, and of each operation (2, 14, 8)."""
        return cost.relaxed(size, image, partial_channels)

    def count(self, arch: Genotype, size: NetworkSize, image: int, zero_in_zero_out: bool) -> Cost:
        """Return parameters and multiply-adds of the network of one genotype."""
        return cost.network(arch, size, image, zero_in_zero_out)
