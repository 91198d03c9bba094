"""Cost of NASBench-101 networks, block by block as `network.py` builds them; a pruned cell executes all of them."""

from supernet.spaces.base import NetworkSize
from supernet.spaces.counting import Cost, conv_norm, linear, pooled
from supernet.spaces.nasbench101.encoding import CONV1X1, CONV3X3, STACKS, Cell, cells_per_stack, vertex_channels

_KERNELS = {CONV1X1: 1, CONV3X3: 3}


def network(cell: Cell, size: NetworkSize, image: int) -> Cost:
    """Return the cost of the stem, three stacks of cells with pooling between them, and the linear layer.

    At the benchmark's size these are the published parameter counts. Raises UserError if `layers` is not a multiple of
    3, or if channels or pixels are too few for the cell.
    """
    repeated = cells_per_stack(size.layers) - 1
    total = conv_norm(size.in_channels, size.channels, 3, image)
    c_in, side = size.channels, image
    for stack in range(STACKS):
        side = pooled(side) if stack else side
        c_out = stack_width(size, stack)
        total += search_cell(cell, c_in, c_out, side) + search_cell(cell, c_out, c_out, side) * repeated
        c_in = c_out
    return total + linear(c_in, size.num_classes)


def stack_width(size: NetworkSize, stack: int) -> int:
    """Return the channels of a stack, from 0; ValueError for unknown `widths`.

    The benchmark's first stack has as many channels as the stem; the authors' first stack has twice as many.
    """
    if size.widths not in ("benchmark", "doubled"):
        raise ValueError(f"widths: found {size.widths!r}; expected benchmark or doubled")
    return size.channels << (stack + (size.widths == "doubled"))


def search_cell(cell: Cell, c_in: int, c_out: int, side: int) -> Cost:
    """Return the cost of the operations of interior vertices and of a 1x1 projection per edge from the input."""
    total = Cost(0, 0)
    widths = vertex_channels(c_in, c_out, cell.matrix)
    for operation, width, wired in zip(cell.operations, widths, cell.matrix[0], strict=True):
        if wired:
            total += conv_norm(c_in, width, 1, side)
        if operation in _KERNELS:
            total += conv_norm(width, width, _KERNELS[operation], side)
    return total
