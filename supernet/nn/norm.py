"""Batch normalisation with a choice of the statistics at evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from supernet.nn.choice import Choice
from supernet.nn.fast.switch import FAST, BatchNorm

Statistics = Literal["batch", "tracked", "recalibrating", "recalibrated"]


class Norm(nn.Module):
    """Batch norm over the first channels of a shared layer.

    In training mode it normalises by the statistics of the batch. In evaluation mode `statistics` selects those of the
    `batch` (the authors' choice), those `tracked` in training, or those `recalibrated` for one architecture, which
    `recalibrating` collects. An input of c channels (N, c, H, W) uses the first c of every parameter and statistic.
    With `always_tracked` it uses the tracked statistics where `statistics` is `batch`, as torch's layer does.
    """

    def __init__(
        self,
        channels: int,
        affine: bool,
        tracking: bool,
        momentum: float,
        eps: float = 1e-5,
        batch_norm: BatchNorm = FAST.batch_norm,
        always_tracked: bool = False,
    ) -> None:
        super().__init__()
        self.always_tracked = always_tracked
        self.channels, self.momentum, self.eps, self.batch_norm = channels, momentum, eps, batch_norm
        self.statistics: Statistics = "batch"
        self.collected = 0
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.running_mean: Tensor | None
        self.running_var: Tensor | None
        self.collected_mean: Tensor
        self.collected_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels) if tracking else None)
        self.register_buffer("running_var", torch.ones(channels) if tracking else None)
        self.register_buffer("collected_mean", torch.zeros(channels), persistent=False)
        self.register_buffer("collected_var", torch.ones(channels), persistent=False)

    def forward(self, images: Tensor, choice: Choice | None = None) -> Tensor:
        """Map (N, c, H, W) to the same shape, c at most the layer's channels.

        `choice` selects the scales and shifts of the channels, by default the first c; such a norm does not track.
        """
        if choice is not None:
            return self._chosen(images, choice)
        if self.training or (self.statistics == "batch" and not self.always_tracked):
            return self._normalise(images, *self._running(), batch=True, momentum=self.momentum)
        if self.statistics in ("tracked", "batch"):
            return self._normalise(images, self.running_mean, self.running_var, batch=False)
        if self.statistics == "recalibrated":
            return self._normalise(images, self.collected_mean, self.collected_var, batch=False)
        # The mean of the statistics of all batches so far, with equal weights.
        self.collected += 1
        return self._normalise(images, self.collected_mean, self.collected_var, batch=True, momentum=1 / self.collected)

    def _chosen(self, images: Tensor, choice: Choice) -> Tensor:
        c = images.shape[1]
        weight, bias = (None if values is None else choice.of(values, 0) for values in (self.weight, self.bias))
        if self.training or self.statistics == "batch":
            return self.batch_norm(images, None, None, weight, bias, True, 0.0, self.eps)
        collecting = self.statistics == "recalibrating"
        self.collected += collecting
        momentum = 1 / self.collected if collecting else 0.0
        mean, var = self.collected_mean[:c], self.collected_var[:c]
        return self.batch_norm(images, mean, var, weight, bias, collecting, momentum, self.eps)

    def _running(self) -> tuple[Tensor | None, Tensor | None]:
        return (self.running_mean, self.running_var) if self.training else (None, None)

    def _normalise(
        self, images: Tensor, mean: Tensor | None, var: Tensor | None, *, batch: bool, momentum: float = 0.0
    ) -> Tensor:
        c = images.shape[1]
        if c != self.channels:
            mean, var = _first(mean, c), _first(var, c)
            weight, bias = _first(self.weight, c), _first(self.bias, c)
        else:
            weight, bias = self.weight, self.bias
        return self.batch_norm(images, mean, var, weight, bias, batch, momentum, self.eps)


class ConfiguredNorm(nn.ModuleList):
    """One norm per input configuration of a position, after a shared convolution (WSBN; paper, Sec. 3).

    They are modules, not rows of one tensor, so that norms outside the path have no gradient and therefore neither
    weight decay nor momentum.
    """

    def forward(self, images: Tensor, configuration: int) -> Tensor:
        """Map (N, c, H, W) to the same shape by the norm of that number."""
        normalised: Tensor = self[configuration](images)
        return normalised


def norms(network: nn.Module) -> list[Norm]:
    """Return all norms of a network."""
    return [module for module in network.modules() if isinstance(module, Norm)]


@contextmanager
def statistics(network: nn.Module, kind: Statistics) -> Iterator[None]:
    """Evaluate the network with statistics of this kind, and restore the former mode and kind at the end.

    Raises ValueError for `tracked` if the network does not track.
    """
    layers = norms(network)
    if kind == "tracked" and not tracks(network):
        raise ValueError("the network was built without tracking: it has no tracked statistics")
    training, former = network.training, [layer.statistics for layer in layers]
    if training:  # visiting thousands of modules takes as long as a forward pass of a small network
        network.eval()
    for layer in layers:
        layer.statistics = kind
        if kind == "recalibrating":
            layer.collected = 0
    try:
        yield
    finally:
        if training:
            network.train()
        for layer, before in zip(layers, former, strict=True):
            layer.statistics = before


def tracks(network: nn.Module) -> bool:
    """Return whether all norms track running statistics."""
    return all(layer.running_mean is not None for layer in norms(network))


def _first(values: Tensor | None, count: int) -> Tensor | None:
    return None if values is None else values[:count]
