"""Cost of networks of NAS-Bench-Macro, block by block as `network.py` builds them."""

from supernet.spaces.base import NetworkSize
from supernet.spaces.counting import Cost, conv_norm, depthwise, linear, norm, strided
from supernet.spaces.macro.encoding import BLOCKS, Chain, computes, shapes, tail_channels


def network(chain: Chain, size: NetworkSize, image: int) -> Cost:
    """Return the cost of the stem, the layers, the 1x1 convolution of the tail and the linear layer.

    Parameters and multiply-adds at the benchmark's size are `params` and `flops` of its file. All convolutions of a
    chain are executed, also in networks without affine and tracked norms.
    """
    total, side, width = conv_norm(size.in_channels, size.channels, 3, image), image, size.channels
    for layer, (operation, place) in enumerate(zip(chain.operations, shapes(size.channels), strict=True)):
        if computes(layer, operation):
            total += _layer(operation, *place, side)
        _, width, stride = place
        side = strided(side, stride)
    tail = tail_channels(size.channels)
    return total + conv_norm(width, tail, 1, side) + linear(tail, size.num_classes)


def _layer(operation: str, c_in: int, c_out: int, stride: int, side: int) -> Cost:
    if operation not in BLOCKS:
        return conv_norm(c_in, c_out, 1, side, stride)
    expansion, kernel = BLOCKS[operation]
    hidden = expansion * c_in
    middle = depthwise(hidden, kernel, side, stride) + norm(hidden)
    return conv_norm(c_in, hidden, 1, side) + middle + conv_norm(hidden, c_out, 1, strided(side, stride))
