"""Kernels that the operations of one position share (paper, heuristic "OFA kernel"; Cai et al. 2020, Sec. 3.2)."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from supernet.nn.conv import Conv


class Crop(nn.Module):
    """The k x k centre of a larger convolution's kernel.

    With `transform` the flattened centre is multiplied by a learnable k² x k² matrix, which all channels share and
    which is initialised to the identity: k⁴ parameters. Without it there are no parameters.
    """

    def __init__(self, larger: Conv, kernel: int, transform: bool) -> None:
        super().__init__()
        # The method, because the module would be registered, and its weights saved, twice.
        self.larger: Callable[[int, int], Tensor] = larger.kernels
        self.kernel, self.margin = kernel, (larger.kernel - kernel) // 2
        self.matrix = nn.Parameter(torch.eye(kernel * kernel)) if transform else None

    def forward(self, c_in: int, c_out: int) -> Tensor:
        """Return the kernel of the first channels: (c_out, c_in, k, k), or (c_out, 1, k, k) if depthwise."""
        inner = slice(self.margin, self.margin + self.kernel)
        centre = self.larger(c_in, c_out)[:, :, inner, inner]
        if self.matrix is None:
            return centre
        # Row i of the matrix gives tap i of the smaller kernel.
        kernels: Tensor = centre.flatten(2) @ self.matrix.T
        return kernels.view(centre.shape)


def share_kernels(convs: Sequence[Conv], transform: bool) -> None:
    """Share one kernel among the convolutions of a position: each crops the kernel of the next larger one.

    The largest keeps its weight. A depthwise convolution with fewer channels uses the first ones. With `transform`
    there is one matrix per step, for example 7 to 5 and 5 to 3. The initial values of a crop are those of the large
    kernel, k_large/k times smaller than He initialisation would give; the batch norm after it compensates. Raises
    ValueError for two kernels of one size, for dense ones of different channels, and for a smaller depthwise one of
    more channels.
    """
    ordered = sorted(convs, key=lambda conv: -conv.kernel)
    for larger, conv in pairwise(ordered):
        if larger.kernel == conv.kernel or (larger.kernel - conv.kernel) % 2:
            raise ValueError(f"a kernel of {conv.kernel} is not the centre of one of {larger.kernel}")
        equal = (larger.c_in, larger.c_out) == (conv.c_in, conv.c_out)
        fewer = larger.depthwise and conv.c_out <= larger.c_out
        if larger.depthwise != conv.depthwise or not (equal or fewer):
            raise ValueError(
                "convolutions that share a kernel must be all depthwise, the smaller ones with as many channels or "
                "fewer, or all dense with the same channels"
            )
        conv.take_kernel(Crop(larger, conv.kernel, transform))
