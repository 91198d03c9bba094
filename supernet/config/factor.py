"""What a factor is, and the facts of the spaces that its values depend on; `supernet.config.setting` declares them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from supernet.spaces import KINDS

SPACES = tuple(KINDS)

BEYOND: Literal["beyond the paper"] = "beyond the paper"
"""The group of what is not among the paper's 14 heuristics."""

Group = Literal["hyper-parameters", "sampling", "low fidelity", "implementation", "beyond the paper"]
Scale = Literal["log", "linear", "category"]


@dataclass(frozen=True)
class Factor:
    """One heuristic (paper, Sec. 3; or of later work, in the group `BEYOND`), declared at its field of `Setting`."""

    group: Group
    label: str
    meaning: str
    scale: Scale
    values: tuple[Any, ...] = ()
    """Of a factor beyond the paper: what it is swept with in every space, the value that changes nothing first. The
    paper's factors have values for each space in `supernet.config.baselines`."""
    name: str = ""
    """That of its field; `supernet.config.factors` fills it in."""

    @property
    def absent(self) -> Mapping[str, str]:
        """The spaces that lack it, each with the reason."""
        return {space: kind.lacks[self.name] for space, kind in KINDS.items() if self.name in kind.lacks}

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that have it."""
        return tuple(space for space in SPACES if space not in self.absent)


PATH_LAWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {space: (*kind.laws, "fairnas") for space, kind in KINDS.items()}
)
"""Laws of `path_sampling` that each space has."""

LAYER_MULTIPLES: Mapping[str, int] = MappingProxyType({space: kind.layer_multiple for space, kind in KINDS.items()})
"""`layers` is a multiple of this: NASBench-101 counts the cells of its three stacks together."""
