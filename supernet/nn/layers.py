"""The factory through which networks make their layers, so that a heuristic is switched on in one place."""

from dataclasses import dataclass

from supernet.nn.conv import BlockConv, Conv
from supernet.nn.norm import Norm


@dataclass(frozen=True)
class Layers:
    """Makes the layers of a network; its fields are the heuristics that live in layers."""

    affine: bool = True
    tracking: bool = True
    bn_momentum: float = 0.1

    def norm(self, channels: int) -> Norm:
        """Batch norm over (N, channels, H, W)."""
        return Norm(channels, self.affine, self.tracking, self.bn_momentum)

    def conv(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> Conv:
        """Dense convolution, padded to keep the resolution at stride 1."""
        return Conv(c_in, c_out, kernel, stride)

    def depthwise(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> Conv:
        """Depthwise convolution."""
        return Conv(channels, channels, kernel, stride, dilation, depthwise=True)

    def block_conv(self, blocks: int, c_block: int, c_out: int, stride: int = 1) -> BlockConv:
        """1x1 convolution over a concatenation of which only some blocks may be present."""
        return BlockConv(blocks, c_block, c_out, stride)


def layers_for(batch_norm: str, bn_momentum: float) -> Layers:
    """The factory for a value of the factor `batch_norm`: affine+tracking, affine, tracking or none."""
    parts = set() if batch_norm == "none" else set(batch_norm.split("+"))
    if parts - {"affine", "tracking"}:
        raise ValueError(f"batch_norm: found {batch_norm!r}; expected affine+tracking, affine, tracking or none")
    return Layers("affine" in parts, "tracking" in parts, bn_momentum)
