"""What NASBench-101 networks cost, block by block as `network.py` builds them. Nothing in a pruned cell is dead."""

from supernet.spaces.base import NetworkSize
from supernet.spaces.counting import Cost, conv_norm, linear, pooled
from supernet.spaces.nasbench101.encoding import CONV1X1, CONV3X3, STACKS, Cell, cells_per_stack, vertex_channels

_KERNELS = {CONV1X1: 1, CONV3X3: 3}


def network(cell: Cell, size: NetworkSize, image: int) -> Cost:
    """Stem, three stacks of cells with pooling between them, linear; at the benchmark's size its own counts.

    Raises UserError where `layers` is no multiple of 3, or where channels or pixels are too few for the cell.
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
    """Channels of a stack, from 0; ValueError for unknown `widths`.

    The benchmark's first stack has the stem's channels; the authors' network doubles them in it too.
    """
    if size.widths not in ("benchmark", "doubled"):
        raise ValueError(f"widths: found {size.widths!r}; expected benchmark or doubled")
    return size.channels << (stack + (size.widths == "doubled"))


def search_cell(cell: Cell, c_in: int, c_out: int, side: int) -> Cost:
    """An operation for each interior vertex, a 1x1 projection for each edge from the input."""
    total = Cost(0, 0)
    widths = vertex_channels(c_in, c_out, cell.matrix)
    for operation, width, wired in zip(cell.operations, widths, cell.matrix[0], strict=True):
        if wired:
            total += conv_norm(c_in, width, 1, side)
        if operation in _KERNELS:
            total += conv_norm(width, width, _KERNELS[operation], side)
    return total
