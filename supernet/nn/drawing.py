"""Layers that draw random numbers, all of a network from one generator that its user seeds."""

import torch
from torch import nn


class Drawing(nn.Module):
    """A layer that draws in training mode; at evaluation only where a context says so."""

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None

    def drawn_from(self) -> torch.Generator:
        """The generator; ValueError if nobody has given one."""
        if self.generator is None:
            raise ValueError(f"{type(self).__name__} without a generator: give the network one by `generator_for`")
        return self.generator


def generator_for(network: nn.Module, device: torch.device) -> torch.Generator | None:
    """A generator from which all layers of a network draw; None if none of them draws.

    Passes draw in turn, so that each pass after a seed has numbers of its own.
    """
    layers = [module for module in network.modules() if isinstance(module, Drawing)]
    generator = torch.Generator(device) if layers else None
    for layer in layers:
        layer.generator = generator
    return generator
