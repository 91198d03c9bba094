"""The sub-spaces of NASBench-101 in which a super-net need not slice its weights (paper, Sec. 3: dynamic channels)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supernet.errors import UserError
from supernet.nn.heuristics import VALUES, constant_outputs
from supernet.spaces.nasbench101 import NASBench101, encoding, sampling
from supernet.spaces.nasbench101.encoding import Cell

OUTPUTS = tuple(outputs for value in VALUES["dynamic_channels"] if (outputs := constant_outputs(value)) is not None)
"""k = 3 would share 128 channels as 43, 43 and 42, and no cell of 9 edges has k = 5."""


class ConstantChannels(NASBench101):
    """Cells of which exactly k interior vertices are wired to the output: every interior vertex has C/k channels.

    A space of its own, with its own number of architectures, laws and pool. Its super-net takes the value `constant-k`
    of the factor `dynamic_channels`; stand-alone networks are those of NASBench-101.
    """

    def __init__(self, outputs: int) -> None:
        if outputs not in OUTPUTS:
            raise UserError(f"NASBench-101: found {outputs} output vertices; expected one of {OUTPUTS}")
        self.outputs = outputs
        self.name = f"{NASBench101.name}-constant-{outputs}"
        self.size = sampling.number_of_cells(outputs=outputs)
        self.encodings = f"those with {outputs} output vertices"

    def holds(self, encoding_text: str) -> bool:
        """Whether a cell, by its text, has as many output vertices."""
        return encoding.output_vertices_of(encoding_text) == self.outputs

    def chosen(self, choices: Sequence[int]) -> Cell:
        """The cell of the choices; UserError where it has another number of output vertices."""
        cell = super().chosen(choices)
        if (found := encoding.output_vertices(cell.matrix)) != self.outputs:
            raise UserError(f"{self.name}: found {found} output vertices; expected {self.outputs}")
        return cell

    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Cell]:
        """The laws of NASBench-101 under the condition that the cell belongs to the sub-space."""
        drawn = {"random_a": sampling.random_a, "random_nas": sampling.random_nas}[law]
        return drawn(rng, count, outputs=self.outputs)

    def fair_groups(self, rng: np.random.Generator, count: int) -> list[tuple[Cell, ...]]:
        """Groups of three cells of one wiring of the sub-space."""
        return [tuple(group) for group in sampling.fair_group(rng, count, outputs=self.outputs)]
