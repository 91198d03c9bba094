"""Cost of NASBench-201 networks, block by block as `network.py` builds them."""

import numpy as np
import numpy.typing as npt

from supernet.spaces.base import NetworkSize
from supernet.spaces.counting import Cost, conv, conv_norm, halved, linear, norm
from supernet.spaces.nasbench201.encoding import CONV1X1, CONV3X3, EDGES, NONE, OPERATIONS, Cell, live_plan

_KERNELS = {CONV1X1: 1, CONV3X3: 3}
_STAGES = 3


def network(cell: Cell, size: NetworkSize, image: int, zero_in_zero_out: bool) -> Cost:
    """Return the cost of the stem, three stages of cells with down-blocks between them, batch norm, linear layer.

    With `zero_in_zero_out`, convolutions of zeros are not executed (see `live_plan`). Raises UserError if `image` is
    not a multiple of 4.
    """
    total = conv_norm(size.in_channels, size.channels, 3, image)
    width, side = size.channels, image
    for stage in range(_STAGES):
        if stage:
            total += downsample(width, 2 * width, side)
            width, side = 2 * width, halved(side)
        total += search_cell(cell, width, side, zero_in_zero_out) * size.layers
    return total + norm(width) + linear(width, size.num_classes)


def search_cell(cell: Cell, channels: int, side: int, zero_in_zero_out: bool) -> Cost:
    """Return the cost of the convolutions on edges, executed only where they affect the output.

    The benchmark's count of operations includes the other convolutions.
    """
    live = {number for edges in live_plan(cell, zero_in_zero_out) for number, _, _ in edges}
    total = Cost(0, 0)
    for number, operation in enumerate(cell.operations):
        if operation in _KERNELS:
            edge = conv_norm(channels, channels, _KERNELS[operation], side)
            total += edge if number in live else edge.idle()
    return total


def downsample(c_in: int, c_out: int, side: int) -> Cost:
    """Return the cost of two 3x3 convolutions, the first with stride 2, and a 1x1 shortcut after 2x2 pooling."""
    half = halved(side)
    residual = conv_norm(c_in, c_out, 3, side, stride=2) + conv_norm(c_out, c_out, 3, half)
    return residual + conv(c_in, c_out, 1, half)


def relaxed(size: NetworkSize, image: int, partial: int) -> tuple[int, npt.NDArray[np.int64]]:
    """Return multiply-adds of stem, down-blocks and linear layer, and of each operation (1, 6, 5) over all cells."""
    operations = np.zeros((1, len(EDGES), len(OPERATIONS)), dtype=np.int64)
    for stage in range(_STAGES):
        width, side = size.channels * 2**stage // partial, image // 2**stage
        for operation, kernel in _KERNELS.items():
            macs = size.layers * conv_norm(width, width, kernel, side).macs
            operations[..., OPERATIONS.index(operation)] += macs
    return network(Cell((NONE,) * len(EDGES)), size, image, False).macs, operations
