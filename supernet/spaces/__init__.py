"""Search spaces by name: one folder each, with its encoding (torch-free) and its networks."""

from typing import Any

from supernet.errors import UserError
from supernet.spaces.base import Space
from supernet.spaces.darts import Darts
from supernet.spaces.nasbench101 import NASBench101
from supernet.spaces.nasbench201 import NASBench201


def load(name: str) -> Space[Any]:
    """The space of that name; UserError names those that exist."""
    spaces: dict[str, type[Space[Any]]] = {kind.name: kind for kind in (NASBench101, NASBench201, Darts)}
    if name not in spaces:
        raise UserError(f"found space {name!r}; expected one of {', '.join(spaces)}")
    return spaces[name]()
