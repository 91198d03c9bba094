"""Dynamic channels: a weight of many channels serves architectures that need fewer (paper, Sec. 3).

A kernel has C_in inputs and C_out outputs, an architecture needs c_in and c_out. The kinds choose c of C channels:

- `fixed`: the first c;
- `shuffled`: a random subset in random order. Each training pass draws a new one from `generator`; evaluation uses one
  that is drawn when the layer is built, except within `drawing_at_evaluation`;
- `interpolation`: averages of neighbours, as in adaptive average pooling, by a product with a fixed matrix (pooling
  itself has no deterministic backward pass on CUDA).

Version 2 selects channels of the kernel and of the batch norm's parameters. Version 1 computes all outputs from the
first c_in inputs and selects among the output features. `fixed` is the same function in both versions; the versions
differ in cost and, where batch norm tracks, in the statistics that they update.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.choice import Choice, averages
from supernet.nn.conv import Conv
from supernet.nn.drawing import Drawing
from supernet.nn.norm import Norm


class Channels(Drawing):
    """Chooses c of the C entries of a dimension: `kind` is fixed, shuffled or interpolation, as in the module."""

    order: Tensor

    def __init__(self, kind: str, channels: int) -> None:
        super().__init__()
        self.kind, self.channels = kind, channels
        if kind == "shuffled":
            # Saved with the weights, so that loaded weights give the same scores.
            self.register_buffer("order", torch.randperm(channels))

    def choose(self, count: int, device: torch.device) -> Choice:
        """Choose `count` channels for one pass."""
        if count == self.channels:
            return Choice()
        if self.kind == "interpolation":
            return Choice(matrix=averages(self.channels, count))
        if self.kind == "fixed":
            return Choice(torch.arange(count, device=device))
        drawn = torch.randperm(self.channels, generator=self.drawn_from(), device=device) if self.draws else self.order
        return Choice(drawn[:count])


class DynamicConvNormReLU(nn.Module):
    """Convolution, batch norm, ReLU with dynamic channels; `kind` and `version` as in the module."""

    def __init__(self, conv: Conv, norm: Norm, kind: str, version: str) -> None:
        super().__init__()
        self.conv, self.norm, self.version = conv, norm, version
        self.inputs, self.outputs = Channels(kind, conv.c_in), Channels(kind, conv.c_out)

    def forward(self, images: Tensor, c_out: int | None = None, configuration: None = None) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H, W)."""
        outputs = self.outputs.choose(self.conv.c_out if c_out is None else c_out, images.device)
        if self.version == "v1":
            return outputs.of(F.relu(self.norm(self.conv(images)), inplace=True), 1)
        inputs = self.inputs.choose(images.shape[1], images.device)
        kernel = outputs.of(inputs.of(self.conv.weight, 1), 0)
        convolved = F.conv2d(images, kernel, None, self.conv.stride, self.conv.padding)
        return F.relu(self.norm(convolved, outputs), inplace=True)
