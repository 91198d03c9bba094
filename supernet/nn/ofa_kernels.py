"""Kernels that the operations of one position share (paper, heuristic "OFA kernel"; Cai et al. 2020, Sec. 3.2)."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from supernet.nn.conv import Conv


class Crop(nn.Module):
    """The k x k centre of a larger convolution's kernel.

    With `transform` the flattened centre is multiplied by a learnable matrix of k² x k² values, which all channels
    share and which starts as the identity. k⁴ parameters, else none.
    """

    def __init__(self, larger: Conv, kernel: int, transform: bool) -> None:
        super().__init__()
        # The method, not the module: a module would be registered, and its weights saved, a second time.
        self.larger: Callable[[int, int], Tensor] = larger.kernels
        self.kernel, self.margin = kernel, (larger.kernel - kernel) // 2
        self.matrix = nn.Parameter(torch.eye(kernel * kernel)) if transform else None

    def forward(self, c_in: int, c_out: int) -> Tensor:
        """The kernel of the first channels: (c_out, c_in, k, k), or (c_out, 1, k, k) of a depthwise convolution."""
        inner = slice(self.margin, self.margin + self.kernel)
        centre = self.larger(c_in, c_out)[:, :, inner, inner]
        if self.matrix is None:
            return centre
        # Row i of the matrix makes tap i of the smaller kernel.
        kernels: Tensor = centre.flatten(2) @ self.matrix.T
        return kernels.view(centre.shape)


def share_kernels(convs: Sequence[Conv], transform: bool) -> None:
    """Give the convolutions of one position one kernel: each takes the centre of that of the next larger one.

    The largest keeps its weight. So with `transform` a kernel is made in steps, 7 to 5 to 3 say, with one matrix a
    step. A crop starts as small as the large kernel's values, k_large/k times smaller than a kernel of its own would:
    the batch norm after it evens that out. Raises ValueError where two kernels have one size or other channels.
    """
    ordered = sorted(convs, key=lambda conv: -conv.kernel)
    for larger, conv in pairwise(ordered):
        if larger.kernel == conv.kernel or (larger.kernel - conv.kernel) % 2:
            raise ValueError(f"a kernel of {conv.kernel} is no centre of one of {larger.kernel}")
        if (larger.c_in, larger.c_out, larger.depthwise) != (conv.c_in, conv.c_out, conv.depthwise):
            raise ValueError("convolutions that share a kernel have the same channels and are all depthwise or none")
        conv.take_kernel(Crop(larger, conv.kernel, transform))
