"""Dropout of super-nets: drop-path on the output of each cell, or dropout before the classifier.

It acts in training; drop-path, if asked, at evaluation too.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from supernet.nn.drawing import Drawing


class Dropout(Drawing):
    """Zeroes values with a probability p and scales the others by 1/(1 - p), so that expectations stay.

    `path` is the probability P that the last of `cells` cells is dropped for a sample. It rises in a line over the
    cells, as in stochastic depth (Huang et al. 2016): cell i of L with P·i/L, i from 1. `features` is that of one
    feature of the classifier's input. No parameters. In evaluation mode, thus in scoring and re-calibration, it is the
    identity, but for drop-path within `dropping_paths`. It draws from `generator`, which the trainer seeds for each
    step; see `generator_for`.
    """

    def __init__(self, path: float, features: float, cells: int) -> None:
        super().__init__()
        self.path, self.features, self.cells = path, features, cells
        self.paths_at_evaluation = False

    def drop_cell(self, output: Tensor, number: int) -> Tensor:
        """The whole output (N, C, H, W) of cell `number`, from 1, of some samples is dropped."""
        active = self.training or self.paths_at_evaluation
        return self._drop(output, (len(output), 1, 1, 1), self.path * number / self.cells, active)

    def drop_features(self, pooled: Tensor) -> Tensor:
        """Single features (N, C) are dropped."""
        return self._drop(pooled, tuple(pooled.shape), self.features, self.training)

    def _drop(self, values: Tensor, shape: tuple[int, ...], probability: float, active: bool) -> Tensor:
        if not active or probability == 0:
            return values
        # Uniform numbers of one precision: on CPUs they are the same bits everywhere, unlike Bernoulli draws, and the
        # mask does not depend on the network's precision.
        drawn = torch.rand(shape, generator=self.drawn_from(), device=values.device, dtype=torch.float32)
        return values * ((drawn >= probability).to(values.dtype) / (1 - probability))


@contextmanager
def dropping_paths(network: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Drop-path acts in evaluation mode too, as in the authors' code, and draws from this generator."""
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
    """(of drop-path, of dropout before the classifier) of a value of the factor: none, path-P or global-P, 0 < P < 1.

    Raises ValueError for any other value.
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
