"""The choice between the fast kernels and the torch functions that they replace, made when a network is built.

`SUPERNET_REFERENCE_KERNELS=1` in the environment, or `reference_kernels: true` in `config.yaml`, chooses torch's own
functions. The two agree to rounding, not to the bit.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from supernet.nn.fast import reference
from supernet.nn.fast.batchnorm import batch_norm
from supernet.nn.fast.convolution import convolve
from supernet.nn.fast.layout import concatenate, diagonal_grids
from supernet.nn.fast.maxpooling import max_pool
from supernet.nn.fast.pooling import average_pool, halve
from supernet.nn.fast.sums import add_up
from supernet.runtime.kernels import reference_kernels

Convolve = Callable[[Tensor, Tensor, int, int, int, bool], Tensor]
BatchNorm = Callable[[Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor | None, bool, float, float], Tensor]


@dataclass(frozen=True)
class Kernels:
    """The functions that layers and cells call; each documents its arguments in its module of `supernet.nn.fast`."""

    convolve: Convolve
    batch_norm: BatchNorm
    average_pool: Callable[..., Tensor]
    halve: Callable[[Tensor], Tensor]
    max_pool: Callable[..., Tensor]
    concatenate: Callable[[list[Tensor]], Tensor]
    diagonal_grids: Callable[[Tensor], tuple[Tensor, Tensor]]
    add_up: Callable[[Iterable[tuple[Tensor, bool]]], Tensor | None]


FAST = Kernels(convolve, batch_norm, average_pool, halve, max_pool, concatenate, diagonal_grids, add_up)
REFERENCE = Kernels(
    reference.convolve,
    F.batch_norm,
    reference.average_pool,
    reference.halve,
    reference.max_pool,
    reference.concatenate,
    reference.diagonal_grids,
    reference.add_up,
)


def chosen_kernels() -> Kernels:
    """Return the kernels for a network that is built now."""
    return REFERENCE if reference_kernels() else FAST
