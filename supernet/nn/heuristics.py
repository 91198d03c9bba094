"""Values of the heuristics that are part of a layer, and their compatibility rules.

This module does not import torch: study files (`supernet.config.factors`) and networks (`supernet.nn.factory`) are
checked against the same values and rules, which are written only here.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

BatchNorm = Literal["affine+tracking", "affine", "tracking", "none"]
DynamicChannels = Literal[
    "fixed-v2", "fixed-v1", "shuffled-v2", "shuffled-v1", "interpolation-v2", "interpolation-v1",
    "constant-1", "constant-2", "constant-4",
]  # fmt: skip
OfaKernel = Literal["none", "crop", "transform"]
Wsbn = Literal["none", "per_input"]
Dropout = Literal["none", "path-0.1", "path-0.2", "global-0.1", "global-0.2"]
OpPlacement = Literal["node", "edge"]

VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "batch_norm": get_args(BatchNorm),
        "dynamic_channels": get_args(DynamicChannels),
        "ofa_kernel": get_args(OfaKernel),
        "wsbn": get_args(Wsbn),
        "dropout": get_args(Dropout),
        "op_placement": get_args(OpPlacement),
    }
)
"""Heuristic, its values; the paper's grid consists of all of them."""

SLICED = "fixed-v2"
"""The default of `dynamic_channels`: an architecture uses the first channels of every weight."""


class Conflict(NamedTuple):
    """A value that is incompatible with the others: the heuristic, its value, the reason."""

    heuristic: str
    value: str
    reason: str


def conflicts(
    batch_norm: str, dynamic_channels: str, ofa_kernel: str, wsbn: str, op_placement: str | None, channels: int
) -> Iterator[Conflict]:
    """Yield the incompatible values.

    `op_placement` is None in a space without that heuristic; `channels` are those of the first cell.
    """
    if wsbn == "per_input" and batch_norm == "none":
        yield Conflict("wsbn", wsbn, "batch_norm is none: without affine or tracking there is nothing to specialise")
    if wsbn == "per_input" and op_placement == "edge":
        yield Conflict("wsbn", wsbn, "op_placement is edge: each operation has one input, nothing to specialise")
    outputs = constant_outputs(dynamic_channels)
    if outputs is not None and channels % outputs:
        reason = f"{channels} channels cannot be shared equally by {outputs} output vertices"
        yield Conflict("dynamic_channels", dynamic_channels, reason)
    if mixes_channels(dynamic_channels) and (wsbn == "per_input" or ofa_kernel != "none"):
        reason = "does not go together with wsbn or ofa_kernel: leave those at none"
        yield Conflict("dynamic_channels", dynamic_channels, reason)
    if dynamic_channels in ("shuffled-v2", "interpolation-v2") and batch_norm.endswith("tracking"):
        # Channels are mixed before the batch norm.
        reason = "batch_norm tracks, but no channel has separate statistics: use affine or none"
        yield Conflict("dynamic_channels", dynamic_channels, reason)


def constant_outputs(dynamic_channels: str) -> int | None:
    """Return K of constant-K (cells of K output vertices); None where widths follow the architecture."""
    kind, _, outputs = dynamic_channels.partition("-")
    return int(outputs) if kind == "constant" else None


def mixes_channels(dynamic_channels: str) -> bool:
    """Return whether a narrow architecture uses other channels than the first ones of a weight."""
    return dynamic_channels != SLICED and constant_outputs(dynamic_channels) is None
