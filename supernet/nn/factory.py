"""The factory through which networks create their layers: heuristics of layers are switched on here."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from supernet.nn.channels import DynamicConvNormReLU
from supernet.nn.conv import BlockConv, Conv
from supernet.nn.dropout import Dropout, DropPath, probabilities
from supernet.nn.fast.switch import Kernels, chosen_kernels
from supernet.nn.heuristics import SLICED, VALUES, constant_outputs, mixes_channels
from supernet.nn.norm import ConfiguredNorm, Norm
from supernet.nn.ofa_kernels import share_kernels


@dataclass(frozen=True)
class LayerFactory:
    """Creates the layers of a network.

    A field with the name of a factor has the factor's value (`supernet.nn.heuristics`); the defaults of all but
    `batch_norm` change nothing. Raises ValueError for an unknown value. `Space.build_supernet` checks that the values
    are compatible.
    """

    batch_norm: str = "affine+tracking"
    bn_momentum: float = 0.1
    ofa_kernel: str = "none"
    wsbn: str = "none"
    dropout: str = "none"
    """none, path-P or global-P with any 0 < P < 1."""
    op_placement: str = "edge"
    dynamic_channels: str = SLICED
    partial_channels: int = 1
    """K of PC-DARTS, not a factor: operations have 1/K of the channels, the others bypass them (mixtures only)."""
    cell_norms: Literal["batch_norm", "plain"] = "batch_norm"
    """Norms of cells: as `batch_norm` says, or `plain`, without scales and shifts (mixtures only). Not a factor."""
    pooling_norms: bool = False
    """Whether a norm without scale and shift follows each pooling of DARTS (mixtures only). Not a factor."""
    outer_norms: str = "batch_norm"
    """Norms of the layers of `outer`: as `batch_norm` says, or `affine+tracking`. Not a factor."""
    darts_drop_path: DropPath = "cell"
    """What drop-path drops in DARTS (see `Dropout`). Not a factor."""
    always_tracked: bool = False
    kernels: Kernels = field(default_factory=chosen_kernels)
    """The functions by which layers compute: fast ones, or torch's own if the environment requests them."""

    def __post_init__(self) -> None:
        for factor, allowed in VALUES.items():
            value = getattr(self, factor)
            if factor != "dropout" and value not in allowed:
                raise ValueError(f"{factor}: found {value!r}; expected {', '.join(allowed[:-1])} or {allowed[-1]}")
        probabilities(self.dropout)

    @property
    def outer(self) -> Self:
        """The factory of the stem and of projections around the operations of a cell, whose norms may be others.

        Norms that are affine and tracked whatever `batch_norm` says are evaluated with their tracked statistics.
        """
        if self.outer_norms == "batch_norm":
            return self
        return replace(self, batch_norm=self.outer_norms, always_tracked=True)

    @property
    def cell(self) -> Self:
        """The factory of cells, with their projections, whose norms may lack scales and shifts."""
        if self.cell_norms == "batch_norm":
            return self
        return replace(self, batch_norm="tracking" if self.tracking else "none", outer_norms="batch_norm")

    @property
    def affine(self) -> bool:
        """Whether norms have learnable scales and shifts."""
        return self.batch_norm.startswith("affine")

    @property
    def tracking(self) -> bool:
        """Whether norms track running statistics."""
        return self.batch_norm.endswith("tracking")

    @property
    def constant_outputs(self) -> int | None:
        """K of constant-K dynamic channels; None where widths follow the architecture."""
        return constant_outputs(self.dynamic_channels)

    def norm(self, channels: int) -> Norm:
        """Create a batch norm over (N, channels, H, W)."""
        return Norm(
            channels,
            self.affine,
            self.tracking,
            self.bn_momentum,
            batch_norm=self.kernels.batch_norm,
            always_tracked=self.always_tracked,
        )

    def pooling_norm(self, channels: int) -> Norm | None:
        """Create the norm after a pooling, without scale and shift; None unless `pooling_norms` asks for it."""
        return replace(self, cell_norms="plain").cell.norm(channels) if self.pooling_norms else None

    def configured_norm(self, channels: int, configurations: int) -> ConfiguredNorm:
        """Create one batch norm per input configuration of a position (WSBN)."""
        return ConfiguredNorm(self.norm(channels) for _ in range(configurations))

    def dropout_of(self, cells: int, dropped: DropPath = "cell") -> Dropout | None:
        """Create the dropout of a network with that many cells; None where the factor is none."""
        return None if self.dropout == "none" else Dropout(*probabilities(self.dropout), cells, dropped)

    def dynamic(self, c_in: int, c_out: int, kernel: int) -> DynamicConvNormReLU | None:
        """Create convolution, norm and ReLU with dynamic channels; None where the first channels are simply sliced."""
        if not mixes_channels(self.dynamic_channels):
            return None
        kind, _, version = self.dynamic_channels.partition("-")
        return DynamicConvNormReLU(self.conv(c_in, c_out, kernel), self.norm(c_out), kind, version)

    def conv(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> Conv:
        """Create a dense convolution, padded to keep the resolution at stride 1."""
        return Conv(c_in, c_out, kernel, stride, convolve=self.kernels.convolve)

    def depthwise(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> Conv:
        """Create a depthwise convolution."""
        return Conv(channels, channels, kernel, stride, dilation, depthwise=True, convolve=self.kernels.convolve)

    def block_conv(self, blocks: int, c_block: int, c_out: int) -> BlockConv:
        """Create a 1x1 convolution over a concatenation of blocks, some of which are present."""
        return BlockConv(blocks, c_block, c_out)

    def share_kernels(self, convs: Sequence[Conv]) -> None:
        """Share one kernel among the convolutions of a position unless `ofa_kernel` is none."""
        if self.ofa_kernel != "none":
            share_kernels(convs, transform=self.ofa_kernel == "transform")
