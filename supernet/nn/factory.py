"""The factory through which networks make their layers, so that a heuristic is switched on in one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from supernet.nn.channels import DynamicConvNormReLU
from supernet.nn.conv import BlockConv, Conv
from supernet.nn.dropout import Dropout, probabilities
from supernet.nn.norm import ConfiguredNorm, Norm
from supernet.nn.ofa_kernels import share_kernels

CONSTANT_CHANNELS = ("constant-1", "constant-2", "constant-4")
DYNAMIC_CHANNELS = (
    "fixed-v2", "fixed-v1", "shuffled-v2", "shuffled-v1", "interpolation-v2", "interpolation-v1", *CONSTANT_CHANNELS
)  # fmt: skip
PLAIN_CHANNELS = "fixed-v2"


@dataclass(frozen=True)
class LayerFactory:
    """Makes the layers of a network; its fields are the heuristics that live in layers."""

    affine: bool = True
    tracking: bool = True
    bn_momentum: float = 0.1
    ofa_kernel: str = "none"
    """none, crop or transform."""
    wsbn: bool = False
    path_dropout: float = 0.0
    global_dropout: float = 0.0
    op_placement: str = "edge"
    """edge or node."""
    dynamic_channels: str = PLAIN_CHANNELS
    """Kind and version, or constant-K: all interior vertices of a cell have 1/K of its channels."""
    partial_channels: int = 1
    """K: in a network that computes mixtures alone, operations have 1/K of the channels, and the others bypass them."""

    def __post_init__(self) -> None:
        if self.wsbn and not (self.affine or self.tracking):
            raise ValueError(
                "wsbn: without affine and tracking a batch norm has nothing to specialise; use one of them"
            )
        if self.mixed_channels and (self.wsbn or self.ofa_kernel != "none"):
            raise ValueError(
                f"dynamic_channels: {self.dynamic_channels} does not go together with wsbn or with ofa_kernel"
            )
        if self.tracking and self.dynamic_channels in ("shuffled-v2", "interpolation-v2"):
            raise ValueError(
                f"dynamic_channels: {self.dynamic_channels} mixes channels before the batch norm: with tracking "
                "no channel has statistics of its own; use affine or none"
            )

    @property
    def plain_channels(self) -> bool:
        """Whether an architecture simply has the first channels of every weight, as in spaces without the factor."""
        return self.dynamic_channels == PLAIN_CHANNELS

    @property
    def constant_outputs(self) -> int | None:
        """K of constant-K; None where widths follow the architecture."""
        return int(self.dynamic_channels[-1]) if self.dynamic_channels in CONSTANT_CHANNELS else None

    @property
    def mixed_channels(self) -> bool:
        """Whether something else than the first channels serves a narrow architecture."""
        return not self.plain_channels and self.constant_outputs is None

    def norm(self, channels: int) -> Norm:
        """Batch norm over (N, channels, H, W)."""
        return Norm(channels, self.affine, self.tracking, self.bn_momentum)

    def configured_norm(self, channels: int, configurations: int) -> ConfiguredNorm:
        """One such norm for each input configuration of a position (WSBN)."""
        return ConfiguredNorm(self.norm(channels) for _ in range(configurations))

    def dropout(self, cells: int) -> Dropout | None:
        """Dropout of a network with so many cells; None if there is none."""
        if not self.path_dropout and not self.global_dropout:
            return None
        return Dropout(self.path_dropout, self.global_dropout, cells)

    def dynamic(self, c_in: int, c_out: int, kernel: int) -> DynamicConvNormReLU | None:
        """Convolution, norm and ReLU with dynamic channels; None where the first channels are simply sliced."""
        if not self.mixed_channels:
            return None
        kind, _, version = self.dynamic_channels.partition("-")
        return DynamicConvNormReLU(self.conv(c_in, c_out, kernel), self.norm(c_out), kind, version)

    def conv(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> Conv:
        """Dense convolution, padded to keep the resolution at stride 1."""
        return Conv(c_in, c_out, kernel, stride)

    def depthwise(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> Conv:
        """Depthwise convolution."""
        return Conv(channels, channels, kernel, stride, dilation, depthwise=True)

    def block_conv(self, blocks: int, c_block: int, c_out: int) -> BlockConv:
        """1x1 convolution over a concatenation of which only some blocks may be present."""
        return BlockConv(blocks, c_block, c_out)

    def share_kernels(self, convs: Sequence[Conv]) -> None:
        """Share the kernel among the convolutions of one position, where `ofa_kernel` asks for it."""
        if self.ofa_kernel != "none":
            share_kernels(convs, transform=self.ofa_kernel == "transform")


def factory_for(
    batch_norm: str,
    bn_momentum: float,
    ofa_kernel: str = "none",
    wsbn: str = "none",
    dropout: str = "none",
    op_placement: str = "edge",
    dynamic_channels: str = "fixed-v2",
    **others: Any,
) -> LayerFactory:
    """The factory for values of the factors of these names; those that change nothing are the defaults.

    `batch_norm` is affine+tracking, affine, tracking or none; `ofa_kernel` none, crop or transform; `wsbn` none or
    per_input; `dropout` none, path-P or global-P; `op_placement` edge or node;
    `dynamic_channels` fixed, shuffled or interpolation, each in -v1 and -v2, or constant-1, -2 or -4. ValueError for
    any other value. All others are fields of `LayerFactory`, as is `partial_channels` of PC-DARTS, not a factor.
    """
    parts = set() if batch_norm == "none" else set(batch_norm.split("+"))
    if parts - {"affine", "tracking"}:
        raise ValueError(f"batch_norm: found {batch_norm!r}; expected affine+tracking, affine, tracking or none")
    _expect("ofa_kernel", ofa_kernel, ("none", "crop", "transform"))
    _expect("wsbn", wsbn, ("none", "per_input"))
    _expect("op_placement", op_placement, ("edge", "node"))
    _expect("dynamic_channels", dynamic_channels, DYNAMIC_CHANNELS)
    path, before_classifier = probabilities(dropout)
    return LayerFactory(
        "affine" in parts,
        "tracking" in parts,
        bn_momentum,
        ofa_kernel,
        wsbn == "per_input",
        path,
        before_classifier,
        op_placement,
        dynamic_channels,
        **others,
    )


def _expect(factor: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{factor}: found {value!r}; expected {', '.join(allowed[:-1])} or {allowed[-1]}")
