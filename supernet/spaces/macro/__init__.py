"""NAS-Bench-Macro (Su et al. 2021): 6 561 chains of eight layers."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from supernet.errors import UserError
from supernet.spaces.base import NetworkSize, Space, permuted_operations
from supernet.spaces.conventions import numbers
from supernet.spaces.counting import Cost
from supernet.spaces.macro import cost, encoding
from supernet.spaces.macro.encoding import BLOCKS, LAYERS, MB3_K3, MB6_K5, OPERATIONS, Chain

if TYPE_CHECKING:
    from torch import nn

    from supernet.nn.factory import LayerFactory


class Macro(Space[Chain]):
    """All assignments of three operations to eight layers; each one is a distinct architecture.

    Networks scale with the channels of the stem, 32 in the benchmark: the last stage has 8 times as many, and the 1x1
    convolution before the classifier 40 times as many.
    """

    name = "macro"
    title = "NAS-Bench-Macro"
    size = len(OPERATIONS) ** LAYERS
    encodings = "3^8 = 6 561"
    operations = OPERATIONS
    weighted_operations = (MB3_K3, MB6_K5)
    laws = ("random_a",)
    channels = 32
    layers = LAYERS
    lacks = MappingProxyType(
        {
            "layers": "each of the eight layers is a choice of the architecture",
            "dynamic_channels": "all operations of a layer have its width",
            "wsbn": "a layer has one input: nothing to specialise",
            "op_placement": "a chain has one edge per layer",
        }
    )
    # Source: train/train.py of xiusu/NAS-Bench-Macro, whose stand-alone networks were trained for 50 epochs.
    baseline = MappingProxyType(
        {
            "learning_rate": 0.1,
            "epochs": 50,
            "weight_decay": 5e-4,
            "train_portion": 0.9,
            "batch_size": 256,
            "channels": 32,
        }
    )
    grid = MappingProxyType({"epochs": (25, 50, 100, 200), "channels": (32, 16, 8)})
    published = ("macro",)
    trained_apart = False
    branches = len(OPERATIONS)
    choices = (len(OPERATIONS),) * LAYERS

    def parse(self, source: Any) -> Chain:
        """Parse the benchmark's eight digits, or eight operations, to a chain."""
        return encoding.parse(source)

    def format(self, arch: Chain) -> str:
        """Return the benchmark's eight digits."""
        return encoding.format_chain(arch)

    def arch_id(self, arch: Chain) -> str:
        """Return the benchmark's eight digits: it lists each chain, and their shared weights differ."""
        return encoding.format_chain(arch)

    def function_of(self, arch: Chain) -> str:
        """Return the chain of the same function that the benchmark trained."""
        return encoding.function_of(arch)

    def degenerate(self, arch: Chain) -> bool:
        """Return whether no layer is a MobileNetV2 block, so that convolutions only change the shape."""
        return not set(arch.operations) & set(BLOCKS)

    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Chain]:
        """Draw uniform chains (`random_a`)."""
        return [self.chosen(row) for row in rng.integers(len(OPERATIONS), size=(count, LAYERS)).tolist()]

    def fair_groups(
        self, rng: np.random.Generator, count: int, operations: Sequence[str] | None = None
    ) -> list[tuple[Chain, ...]]:
        """Draw groups of chains that together use each of `operations` once in each layer; by default three."""
        groups = (permuted_operations(rng, LAYERS, operations or OPERATIONS) for _ in range(count))
        return [tuple(Chain(tuple(chosen)) for chosen in group) for group in groups]

    def branch(self, arch: Chain) -> int:
        """Return the operation of the first layer."""
        return OPERATIONS.index(arch.operations[0])

    def chosen(self, choices: Sequence[int]) -> Chain:
        """Return the chain of an operation number per layer."""
        made = numbers(choices, "macro, choices", self.choices)
        return Chain(tuple(OPERATIONS[choice] for choice in made))

    def choices_of(self, arch: Chain) -> tuple[int, ...]:
        """Return the operation numbers of a chain."""
        return tuple(map(OPERATIONS.index, arch.operations))

    def network(self, factory: LayerFactory, own: Chain | None, size: NetworkSize) -> nn.Module:
        """Return a network of eight layers, which own all operations or those of one chain."""
        from supernet.spaces.macro.network import Network

        self._expect_all_layers(size)
        candidates = [OPERATIONS] * LAYERS if own is None else [(op,) for op in own.operations]
        return Network(factory, candidates, size)

    def count(self, arch: Chain, size: NetworkSize, image: int, zero_in_zero_out: bool) -> Cost:
        """Return parameters and multiply-adds of the network of one chain."""
        self._expect_all_layers(size)
        return cost.network(arch, size, image)

    def _expect_all_layers(self, size: NetworkSize) -> None:
        if size.layers != LAYERS:
            raise UserError(f"macro: found {size.layers} layers; expected {LAYERS}: {self.lacks['layers']}")
