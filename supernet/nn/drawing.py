"""Layers that draw random numbers; the layers of a network share one generator, which the caller seeds."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Drawing(nn.Module):
    """A layer that draws in training mode, and in evaluation mode only within `drawing_at_evaluation`."""

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None
        self.at_evaluation = False

    @property
    def draws(self) -> bool:
        """Whether the layer draws in its present mode."""
        return self.training or self.at_evaluation

    def drawn_from(self) -> torch.Generator:
        """Return the generator; ValueError if none has been set."""
        if self.generator is None:
            raise ValueError(f"{type(self).__name__} without a generator: give the network one by `generator_for`")
        return self.generator


def generator_for(network: nn.Module, device: torch.device) -> torch.Generator | None:
    """Return a generator from which all layers of a network draw; None if no layer draws.

    Successive passes after one seed continue the same stream, so that each draws other numbers.
    """
    layers = [module for module in network.modules() if isinstance(module, Drawing)]
    generator = torch.Generator(device) if layers else None
    for layer in layers:
        layer.generator = generator
    return generator


@contextmanager
def drawing_at_evaluation(
    network: nn.Module, generator: torch.Generator, kinds: tuple[type[Drawing], ...]
) -> Iterator[None]:
    """Let layers of these classes draw from this generator in evaluation mode, as in the authors' code."""
    layers = [module for module in network.modules() if isinstance(module, kinds)]
    former = [layer.generator for layer in layers]
    for layer in layers:
        layer.generator, layer.at_evaluation = generator, True
    try:
        yield
    finally:
        for layer, before in zip(layers, former, strict=True):
            layer.generator, layer.at_evaluation = before, False
