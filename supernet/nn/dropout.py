"""Dropout of super-nets: drop-path on the output of each cell, or dropout before the classifier.

It is active in training; drop-path also at evaluation within `dropping_paths`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from supernet.nn.drawing import Drawing


class Dropout(Drawing):
    """Zeroes values with a probability p and scales the others by 1/(1 - p), which keeps expectations.

    `path` is the probability P that the last of `cells` cells is dropped for a sample. The probability rises linearly
    over the cells, as in stochastic depth (Huang et al. 2016): P·i/L for cell i of L, i from 1. `features` is the
    probability of each feature of the classifier's input. No parameters. In evaluation mode (scoring, re-calibration)
    it is the identity, except drop-path within `dropping_paths`. It draws from `generator` (see `generator_for`), which
    the trainer seeds at each step.
    """

    def __init__(self, path: float, features: float, cells: int) -> None:
        super().__init__()
        self.path, self.features, self.cells = path, features, cells
        self.paths_at_evaluation = False

    def drop_cell(self, output: Tensor, number: int) -> Tensor:
        """Drop the whole output (N, C, H, W) of cell `number`, from 1, for some samples."""
        active = self.training or self.paths_at_evaluation
        return self._drop(output, (len(output), 1, 1, 1), self.path * number / self.cells, active)

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


@contextmanager
def dropping_paths(network: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Keep drop-path active in evaluation mode, as in the authors' code, with draws from this generator."""
    layers = [module for module in network.modules() if isinstance(module, Dropout)]
    former = [layer.generator for layer in layers]
    for layer in layers:
        layer.generator, layer.paths_at_evaluation = generator, True
    try:
        yield
    finally:
        for layer, before in zip(layers, former, strict=True):
            layer.generator, layer.paths_at_evaluation = before, False


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
