"""Search spaces by name: one folder each, with its encoding (torch-free) and its networks."""

from typing import Any

from supernet.errors import UserError
from supernet.spaces.base import Space
from supernet.spaces.darts import Darts
from supernet.spaces.nasbench101 import NASBench101
from supernet.spaces.nasbench101.constant import OUTPUTS, ConstantChannels
from supernet.spaces.nasbench201 import NASBench201


def load(name: str) -> Space[Any]:
    """The space or sub-space of that name; UserError names those that exist."""
    spaces: dict[str, type[Space[Any]]] = {kind.name: kind for kind in (NASBench101, NASBench201, Darts)}
    constant = {subspace(NASBench101.name, f"constant-{outputs}"): outputs for outputs in OUTPUTS}
    if name in constant:
        return ConstantChannels(constant[name])
    if name not in spaces:
        raise UserError(f"found space {name!r}; expected one of {', '.join((*spaces, *constant))}")
    return spaces[name]()


def subspace(space: str, dynamic_channels: str | None) -> str:
    """The name of the space whose architectures a super-net has, for its value of `dynamic_channels`."""
    constant = dynamic_channels is not None and dynamic_channels.startswith("constant-")
    return f"{space}-{dynamic_channels}" if constant else space
