"""Search spaces by name: one folder each, with its encoding (torch-free) and its networks.

A space is registered in `KINDS` only; everything else about it is in its class.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from supernet.errors import UserError
from supernet.nn.heuristics import constant_outputs
from supernet.spaces.base import Space
from supernet.spaces.darts import Darts
from supernet.spaces.darts.encoding import Concat
from supernet.spaces.macro import Macro
from supernet.spaces.nasbench101 import NASBench101
from supernet.spaces.nasbench101.constant import OUTPUTS, ConstantChannels
from supernet.spaces.nasbench201 import NASBench201

# Imported by name, not found by listing folders, so that the records of results see the code that may run.
KINDS: Mapping[str, type[Space[Any]]] = MappingProxyType(
    {kind.name: kind for kind in (NASBench101, NASBench201, Darts, Macro)}  # the order of tables and panels
)


def load(name: str, darts_concat: Concat = "loose_ends") -> Space[Any]:
    """Return the space or sub-space of that name; UserError lists the existing ones.

    `darts_concat` says what the genotypes that DARTS draws concatenate.
    """
    constant = {subspace(NASBench101.name, f"constant-{outputs}"): outputs for outputs in OUTPUTS}
    if name in constant:
        return ConstantChannels(constant[name])
    if name not in KINDS:
        raise UserError(f"found space {name!r}; expected one of {', '.join((*KINDS, *constant))}")
    return Darts(darts_concat) if name == Darts.name else KINDS[name]()


def subspace(space: str, dynamic_channels: str | None) -> str:
    """Return the name of the space or sub-space of a super-net with this value of `dynamic_channels`."""
    constant = dynamic_channels is not None and constant_outputs(dynamic_channels) is not None
    return f"{space}-{dynamic_channels}" if constant else space
