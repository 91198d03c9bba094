"""Convolutions whose weights networks of several widths share."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.fast.switch import FAST, Convolve


class Conv(nn.Module):
    """A convolution without bias whose kernel is sliced to the channels of the call.

    Stand-alone networks use all channels, without slicing. He initialisation by fan-out. After `take_kernel`, another
    module provides the kernel. `convolve` computes it (`supernet.nn.fast.switch`). Raises ValueError for a depthwise
    convolution whose numbers of input and output channels differ.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        depthwise: bool = False,
        convolve: Convolve = FAST.convolve,
    ) -> None:
        super().__init__()
        self.c_in, self.c_out = c_in, c_out
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        self.padding = dilation * (kernel - 1) // 2
        self.depthwise, self.convolve = depthwise, convolve
        if depthwise and c_in != c_out:
            raise ValueError(f"a depthwise convolution keeps its channels, got {c_in} and {c_out}")
        self.weight = nn.Parameter(torch.empty(c_out, 1 if depthwise else c_in, kernel, kernel))
        nn.init.normal_(self.weight, std=math.sqrt(2 / (kernel * kernel * (1 if depthwise else c_out))))
        self.source: nn.Module | None = None

    def take_kernel(self, source: nn.Module) -> None:
        """Drop the weight: `source(c_in, c_out)` returns the kernel instead, as `kernels` does."""
        self.register_parameter("weight", None)
        self.source = source

    def kernels(self, c_in: int, c_out: int) -> Tensor:
        """Return the kernel of the first channels: (c_out, c_in, k, k), or (c_out, 1, k, k) if depthwise."""
        weight: Tensor
        if self.source is not None:
            weight = self.source(c_in, c_out)
        elif c_out == self.c_out and c_in == self.c_in:
            weight = self.weight
        else:
            weight = self.weight[:c_out] if self.depthwise else self.weight[:c_out, :c_in]
        return weight

    def forward(self, images: Tensor, c_out: int | None = None) -> Tensor:
        """Map (N, c, H, W) to (N, c_out, H', W') by the first c input and c_out output channels of the kernel."""
        c_in = images.shape[1]
        c_out = (c_in if self.depthwise else self.c_out) if c_out is None else c_out
        weight = self.kernels(c_in, c_out)
        return self.convolve(images, weight, self.stride, self.padding, self.dilation, self.depthwise)


class BlockConv(nn.Module):
    """A 1x1 convolution over a concatenation of blocks of `c_block` channels, some of which are present.

    `present` has the numbers of the blocks in the input, in order. A super-net whose cells concatenate the loose ends
    of the architecture keeps one slice of the kernel per node.
    """

    def __init__(self, blocks: int, c_block: int, c_out: int) -> None:
        super().__init__()
        self.blocks, self.c_block = blocks, c_block
        self.weight = nn.Parameter(torch.empty(c_out, blocks * c_block, 1, 1))
        nn.init.normal_(self.weight, std=math.sqrt(2 / c_out))

    def forward(self, images: Tensor, present: tuple[int, ...]) -> Tensor:
        """Map (N, len(present)·c_block, H, W) to (N, c_out, H, W)."""
        return F.conv2d(images, block_columns(self.weight, present, self.blocks, self.c_block))


def block_columns(weight: Tensor, present: tuple[int, ...], blocks: int, width: int) -> Tensor:
    """Return the slices of dimension 1 of a weight that belong to the present blocks, in order."""
    if len(present) == blocks:
        return weight
    return torch.cat([weight.narrow(1, block * width, width) for block in present], dim=1)
