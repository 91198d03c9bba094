"""Sub-spaces of NASBench-101 whose super-nets do not slice weights (paper, Sec. 3: dynamic channels)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from supernet.errors import UserError
from supernet.nn.heuristics import VALUES, constant_outputs
from supernet.spaces.nasbench101 import NASBench101, encoding, sampling
from supernet.spaces.nasbench101.encoding import OPERATIONS, Cell

OUTPUTS = tuple(outputs for value in VALUES["dynamic_channels"] if (outputs := constant_outputs(value)) is not None)
"""k = 3 would divide 128 channels into 43, 43 and 42, and no cell of 9 edges has k = 5."""


class ConstantChannels(NASBench101):
    """Cells with exactly k interior vertices wired to the output: every interior vertex has C/k channels.

    A separate space, with its own number of architectures, laws and pool. Its super-net has the value `constant-k` of
    the factor `dynamic_channels`; stand-alone networks are those of NASBench-101.
    """

    def __init__(self, outputs: int) -> None:
        if outputs not in OUTPUTS:
            raise UserError(f"NASBench-101: found {outputs} output vertices; expected one of {OUTPUTS}")
        self.outputs = outputs
        self.name = f"{NASBench101.name}-constant-{outputs}"
        self.size = sampling.number_of_cells(outputs=outputs)
        self.encodings = f"those with {outputs} output vertices"

    def holds(self, encoding_text: str) -> bool:
        """Return whether a cell, by its text, has k output vertices."""
        return encoding.output_vertices_of(encoding_text) == self.outputs

    def chosen(self, choices: Sequence[int]) -> Cell:
        """Return the cell of the choices; UserError if it has another number of output vertices."""
        cell = super().chosen(choices)
        if (found := encoding.output_vertices(cell.matrix)) != self.outputs:
            raise UserError(f"{self.name}: found {found} output vertices; expected {self.outputs}")
        return cell

    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Cell]:
        """Draw by the laws of NASBench-101, conditioned on membership in the sub-space."""
        drawn = {"random_a": sampling.random_a, "random_nas": sampling.random_nas}[law]
        return drawn(rng, count, outputs=self.outputs)

    def fair_groups(
        self, rng: np.random.Generator, count: int, operations: Sequence[str] | None = None
    ) -> list[tuple[Cell, ...]]:
        """Draw groups of three cells of one wiring of the sub-space."""
        return sampling.fair_group(rng, count, outputs=self.outputs, operations=operations or OPERATIONS)
