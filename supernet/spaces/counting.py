"""Parameters and multiply-adds of blocks, without torch.

Multiply-adds are those of convolutions and linear layers, including taps on the padding, as torch counts them. Norms,
activations, poolings, sums and biases have none. `side` is the height and width of a square input, in pixels.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from supernet.errors import UserError


@dataclass(frozen=True, slots=True)
class Cost:
    """Trainable parameters, and multiply-adds of one image."""

    parameters: int
    macs: int

    def __add__(self, other: Self) -> Self:
        """Return the sum of two costs."""
        return type(self)(self.parameters + other.parameters, self.macs + other.macs)

    def __mul__(self, count: int) -> Self:
        """Return the cost of `count` such blocks with separate parameters."""
        return type(self)(self.parameters * count, self.macs * count)

    def idle(self) -> Self:
        """Return the cost of a block that exists but is not executed."""
        return type(self)(self.parameters, 0)


def conv(c_in: int, c_out: int, kernel: int, side: int, stride: int = 1) -> Cost:
    """Return the cost of a dense convolution without bias, padded to keep the resolution at stride 1."""
    parameters = c_in * c_out * kernel**2
    return Cost(parameters, parameters * strided(side, stride) ** 2)


def depthwise(channels: int, kernel: int, side: int, stride: int = 1) -> Cost:
    """Return the cost of a depthwise convolution without bias; dilation does not affect it."""
    return conv(1, channels, kernel, side, stride)


def norm(channels: int) -> Cost:
    """Return the cost of affine batch norm: a scale and a shift per channel."""
    return Cost(2 * channels, 0)


def linear(c_in: int, c_out: int) -> Cost:
    """Return the cost of a linear layer with bias."""
    return Cost((c_in + 1) * c_out, c_in * c_out)


@lru_cache(maxsize=65_536)
def conv_norm(c_in: int, c_out: int, kernel: int, side: int, stride: int = 1) -> Cost:
    """Return the cost of a convolution and a batch norm; a ReLU adds nothing."""
    return conv(c_in, c_out, kernel, side, stride) + norm(c_out)


def strided(side: int, stride: int = 2) -> int:
    """Return the resolution after a stride with padding, rounded up."""
    return -(-side // stride)


def pooled(side: int) -> int:
    """Return the resolution after 2x2 pooling without padding, rounded down; UserError below 2 pixels."""
    if side < 2:
        raise UserError(f"found {side} x {side} pixels before a 2x2 pooling; expected 2 x 2 or more: use larger images")
    return side // 2


def halved(side: int) -> int:
    """Return half the resolution where two branches meet, one rounded up and one down; UserError if it is odd."""
    if side % 2:
        raise UserError(
            f"found {side} x {side} pixels, which cannot be halved; "
            "use images whose height and width are a multiple of 4"
        )
    return side // 2
