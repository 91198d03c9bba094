"""Cost of DARTS networks, block by block as `network.py` builds them."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from supernet.spaces.base import NetworkSize
from supernet.spaces.counting import Cost, conv, conv_norm, depthwise, halved, linear, norm, strided
from supernet.spaces.darts.encoding import (
    CONVOLUTIONS,
    NODES,
    OPERATIONS,
    POSITIONS,
    SKIP,
    Cell,
    Genotype,
    live_edges,
    position,
)


def network(genotype: Genotype, size: NetworkSize, image: int, zero_in_zero_out: bool) -> Cost:
    """Return the cost of a stem of 3C channels, L cells with reductions at L//3 and 2L//3, and a linear layer.

    With `zero_in_zero_out`, convolutions of zeros are not executed (see `live_edges`). Raises UserError if the
    resolution before a `factorized_reduce` is odd.
    """
    total = conv_norm(size.in_channels, 3 * size.channels, 3, image)
    # (channels, resolution) of the outputs of the two cells before.
    before = last = (3 * size.channels, image)
    width, reduced = size.channels, False
    for index in range(size.layers):
        reduction = index in {size.layers // 3, 2 * size.layers // 3}
        cell = genotype.reduce if reduction else genotype.normal
        width *= 2 if reduction else 1
        project_before = factorized_reduce if reduced else project
        total += project_before(before[0], width, before[1]) + project(last[0], width, last[1])
        total += search_cell(cell, width, last[1], reduction, zero_in_zero_out)
        before, last = last, (len(cell.concat) * width, strided(last[1]) if reduction else last[1])
        reduced = reduction
    return total + linear(last[0], size.num_classes)


def search_cell(cell: Cell, channels: int, side: int, reduction: bool, zero_in_zero_out: bool) -> Cost:
    """Return the cost of the operations of the eight edges, without the projections of the inputs."""
    live = {number for edges in live_edges(cell, zero_in_zero_out) for number, _, _ in edges}
    total = Cost(0, 0)
    for number, (operation, state) in enumerate(cell.edges):
        if not reduction:
            cost = edge(operation, channels, side, 1)
        else:
            cost = edge(operation, channels, side, 2) if state < 2 else edge(operation, channels, strided(side), 1)
        total += cost if number in live else cost.idle()
    return total


def relaxed(size: NetworkSize, image: int, partial: int) -> tuple[int, npt.NDArray[np.int64]]:
    """Return multiply-adds of stem, projections and linear layer, and of each operation (2, 14, 8) over all cells.

    All nodes are concatenated. Kinds of cells are normal and reduction.
    """
    operations = np.zeros((2, POSITIONS, len(OPERATIONS)), dtype=np.int64)
    total = conv_norm(size.in_channels, 3 * size.channels, 3, image)
    before = last = (3 * size.channels, image)
    width, reduced = size.channels, False
    for index in range(size.layers):
        reduction = index in {size.layers // 3, 2 * size.layers // 3}
        width *= 2 if reduction else 1
        project_before = factorized_reduce if reduced else project
        total += project_before(before[0], width, before[1]) + project(last[0], width, last[1])
        inner = strided(last[1]) if reduction else last[1]
        for node in range(NODES):
            for state in range(2 + node):
                stride, side = (2, last[1]) if reduction and state < 2 else (1, inner)
                costs = [edge(operation, width // partial, side, stride).macs for operation in OPERATIONS]
                operations[int(reduction), position(node, state)] += np.array(costs)
        before, last = last, (NODES * width, inner)
        reduced = reduction
    return (total + linear(last[0], size.num_classes)).macs, operations


@lru_cache(maxsize=4_096)
def edge(operation: str, channels: int, side: int, stride: int) -> Cost:
    """Return the cost of the operation of one edge; zero without weights."""
    if operation == SKIP and stride == 2:
        return factorized_reduce(channels, channels, side)
    if operation not in CONVOLUTIONS:
        return Cost(0, 0)
    kernel = int(operation[-1])
    first = separable(channels, kernel, side, stride)
    if operation.startswith("sep"):
        return first + separable(channels, kernel, strided(side, stride), 1)
    return first


def separable(channels: int, kernel: int, side: int, stride: int) -> Cost:
    """Return the cost of a depthwise convolution, a pointwise convolution and a batch norm."""
    return depthwise(channels, kernel, side, stride) + conv_norm(channels, channels, 1, strided(side, stride))


def factorized_reduce(c_in: int, c_out: int, side: int) -> Cost:
    """Return the cost of two 1x1 convolutions, on even and odd pixels, with half the outputs each, and a batch norm."""
    return conv(c_in, c_out, 1, halved(side)) + norm(c_out)


def project(c_in: int, c_out: int, side: int) -> Cost:
    """Return the cost of the 1x1 convolution and the batch norm of a cell's input."""
    return conv_norm(c_in, c_out, 1, side)
