"""Dropout of super-nets: drop-path on the outputs of cells or on their edges, or dropout before the classifier.

It is active in training; drop-path on outputs of cells also at evaluation within `drawing_at_evaluation`.
"""

import re
from typing import Literal

import torch
from torch import Tensor

from supernet.nn.drawing import Drawing

DropPath = Literal["cell", "edge", "authors_code"]
"""What drop-path drops in DARTS: the output of a cell, or each edge; see `Dropout`."""


class Dropout(Drawing):
    """Zeroes values with a probability p and scales the others by 1/(1 - p), which keeps expectations.

    `path` is the probability P that the last of `cells` cells is dropped for a sample. The probability rises linearly
    over the cells, as in stochastic depth (Huang et al. 2016): P·i/L for cell i of L, i from 1. With `dropped` edge,
    edges are dropped instead: P·(i/L)·(j/J) for each edge of node j of J. `authors_code` has 1 - P instead of P there,
    because the authors pass the probability of dropping to a function that expects that of keeping
    (nasws/cnn/search_space/darts/cell.py). `features` is the probability of each feature of the classifier's input. No
    parameters. In evaluation mode (scoring, re-calibration) it is the identity, except drop-path on outputs of cells
    within `drawing_at_evaluation`. It draws from `generator` (see `generator_for`), which the trainer seeds at each
    step.
    """

    def __init__(self, path: float, features: float, cells: int, dropped: DropPath = "cell") -> None:
        super().__init__()
        self.features, self.cells = features, cells
        self.path = path if dropped == "cell" else 0.0
        # Without drop-path the authors' code drops nothing either.
        self.edge = 0.0 if dropped == "cell" or path == 0 else path if dropped == "edge" else 1 - path

    def drop_cell(self, output: Tensor, number: int) -> Tensor:
        """Drop the whole output (N, C, H, W) of cell `number`, from 1, for some samples."""
        return self._drop(output, (len(output), 1, 1, 1), self.path * number / self.cells, self.draws)

    def drop_edge(self, value: Tensor, number: int, node: int, nodes: int) -> Tensor:
        """Drop the value (N, C, H, W) of an edge to `node`, from 1, of `nodes` in cell `number`, for some samples."""
        probability = self.edge * (number / self.cells) * (node / nodes)
        return self._drop(value, (len(value), 1, 1, 1), probability, self.training)

    def drop_features(self, pooled: Tensor) -> Tensor:
        """Drop single features (N, C)."""
        return self._drop(pooled, tuple(pooled.shape), self.features, self.training)

    def _drop(self, values: Tensor, shape: tuple[int, ...], probability: float, active: bool) -> Tensor:
        if not active or probability == 0:
            return values
        # Uniform numbers of one precision: unlike Bernoulli draws they have the same bits on all CPUs, and the mask
        # does not depend on the network's precision.
        drawn = torch.rand(shape, generator=self.drawn_from(), device=values.device, dtype=torch.float32)
        return values * ((drawn >= probability).to(values.dtype) / (1 - probability))


def probabilities(dropout: str) -> tuple[float, float]:
    """Return the probabilities of drop-path and of dropout before the classifier for a value of the factor.

    Values are none, path-P and global-P, 0 < P < 1. Raises ValueError for any other value.
    """
    if dropout == "none":
        return 0.0, 0.0
    found = re.fullmatch(r"(path|global)-(0?\.\d+)", dropout)
    if found is None or float(found[2]) == 0:
        raise ValueError(
            f"dropout: found {dropout!r}; expected none, path-P or global-P with 0 < P < 1, such as path-0.1"
        )
    probability = float(found[2])
    return (probability, 0.0) if found[1] == "path" else (0.0, probability)
