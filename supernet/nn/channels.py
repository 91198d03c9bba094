"""Dynamic channels: how one weight of many channels serves an architecture that needs fewer (paper, Sec. 3).

A kernel has C_in inputs and C_out outputs, an architecture needs c_in and c_out. What stands for the c of C is

- `fixed`: the first c;
- `shuffled`: a random subset, in random order: another one in each pass of training, drawn from `generator`, and one
  for good at evaluation, drawn when the layer is made;
- `interpolation`: averages of neighbours, those of adaptive average pooling, as a product with a fixed matrix
  (pooling itself has no deterministic backward pass on CUDA).

In version 2 this is applied to the kernel and to the batch norm's parameters. In version 1 the layer is computed for
all outputs, with the first c_in inputs, and the choice is made among its output features. `fixed` gives the same
function in both; they differ in what they compute and, where batch norm tracks, in which statistics they update.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.choice import Choice, averages
from supernet.nn.conv import Conv
from supernet.nn.drawing import Drawing
from supernet.nn.norm import Norm


class Channels(Drawing):
    """Chooses c of the C entries of a dimension in one of the ways above: fixed, shuffled or interpolation."""

    order: Tensor

    def __init__(self, kind: str, channels: int) -> None:
        super().__init__()
        self.kind, self.channels = kind, channels
        if kind == "shuffled":
            # Saved with the weights, so that their scores stay what they are.
            self.register_buffer("order", torch.randperm(channels))

    def choose(self, count: int, device: torch.device) -> Choice:
        """The choice of `count` channels for one pass."""
        if count == self.channels:
            return Choice()
        if self.kind == "interpolation":
            return Choice(matrix=averages(self.channels, count))
        if self.kind == "fixed":
            return Choice(torch.arange(count, device=device))
        drawn = (
            torch.randperm(self.channels, generator=self.drawn_from(), device=device) if self.training else self.order
        )
        return Choice(drawn[:count])


class DynamicConvNormReLU(nn.Module):
    """Convolution, batch norm, ReLU of which an architecture uses some channels, as the module says."""

    def __init__(self, conv: Conv, norm: Norm, kind: str, version: str) -> None:
        super().__init__()
        self.conv, self.norm, self.version = conv, norm, version
        self.inputs, self.outputs = Channels(kind, conv.c_in), Channels(kind, conv.c_out)

    def forward(self, images: Tensor, c_out: int | None = None, configuration: None = None) -> Tensor:
        """(N, c_in, H, W) to (N, c_out, H, W)."""
        outputs = self.outputs.choose(self.conv.c_out if c_out is None else c_out, images.device)
        if self.version == "v1":
            return outputs.of(F.relu(self.norm(self.conv(images)), inplace=True), 1)
        inputs = self.inputs.choose(images.shape[1], images.device)
        kernel = outputs.of(inputs.of(self.conv.weight, 1), 0)
        convolved = F.conv2d(images, kernel, None, self.conv.stride, self.conv.padding)
        return F.relu(self.norm(convolved, outputs), inplace=True)
