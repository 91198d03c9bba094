"""What a search space offers; torch is imported only by the builders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt

from supernet.errors import UserError
from supernet.nn.heuristics import VALUES, conflicts
from supernet.spaces.counting import Cost

if TYPE_CHECKING:
    from torch import nn

    from supernet.nn.factory import LayerFactory

Arch = TypeVar("Arch")


@dataclass(frozen=True)
class NetworkSize:
    """Channels of the first cell, cells as the factor `layers` counts them, classes, image channels.

    `widths` concerns NASBench-101 alone: with `doubled`, as in the authors' code, the first of its stacks doubles
    them as well.
    """

    channels: int
    layers: int
    num_classes: int
    in_channels: int
    widths: str = "benchmark"


class Space(ABC, Generic[Arch]):
    """A search space: its architectures are immutable, hashable values with a stable `arch_id`."""

    name: str
    title: ClassVar[str]
    """As it is printed."""
    size: int
    encodings: str
    operations: ClassVar[tuple[str, ...]]
    laws: ClassVar[tuple[str, ...]]
    """Laws by which single architectures are drawn; `path_sampling` has `fairnas` beside them."""
    channels: ClassVar[int]
    layers: ClassVar[int]
    layer_multiple: ClassVar[int] = 1
    """The factor `layers` is a multiple of this."""
    lacks: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Factors that the space does not have, each with the reason."""
    baseline: ClassVar[Mapping[str, Any]]
    """Defaults of factors in this space, where they differ from those of `supernet.config.baselines`."""
    grid: ClassVar[Mapping[str, tuple[Any, ...]]]
    """Values of a `paper` sweep in this space, where they differ from those of `supernet.config.baselines`."""
    published: ClassVar[tuple[str, ...]] = ()
    """Tables of CIFAR-10 accuracies, as `workflow/sources.yaml` calls them."""
    bn_momentum: ClassVar[float] = 0.1
    authors_bn_momentum: ClassVar[float] = 0.1
    branches: ClassVar[int]
    choices: ClassVar[tuple[int, ...]]
    """How many values each of the choices has that make an architecture: what searches decide one by one."""
    relaxation: ClassVar[tuple[int, int] | None] = None
    """Kinds of cells and positions of a relaxed super-net, which `Mixture` weighs; None where there is none."""
    unrelaxed: ClassVar[str] = "its super-net computes one path at a time"
    """Why there is none."""
    targets: ClassVar[tuple[int, ...]] = ()
    """The node into which each of these positions leads."""

    @abstractmethod
    def parse(self, source: Any) -> Arch:
        """An architecture from its text, from itself or from a mapping; UserError says what is wrong."""

    @abstractmethod
    def format(self, arch: Arch) -> str:
        """The text of an architecture; `parse` reads it back."""

    @abstractmethod
    def arch_id(self, arch: Arch) -> str:
        """The name of the function class that an architecture stands for: equal for equivalent encodings."""

    def holds(self, encoding: str) -> bool:
        """Whether the architecture of a text of the space belongs to it: a sub-space has some of them only."""
        return True

    @abstractmethod
    def degenerate(self, arch: Arch) -> bool:
        """Whether no operation on a way from input to output of any of its cells is a convolution, or no way is."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Arch]:
        """`count` independent architectures by a law of `laws`."""

    @abstractmethod
    def fair_groups(self, rng: np.random.Generator, count: int) -> list[tuple[Arch, ...]]:
        """`count` FairNAS groups: one topology each, every operation of every position exactly once."""

    @abstractmethod
    def branch(self, arch: Arch) -> int:
        """The sub-space that an architecture is in, from 0 to `branches` - 1: the operation of one position."""

    @abstractmethod
    def chosen(self, choices: Sequence[int]) -> Arch:
        """The architecture of one value for each of `choices`; UserError where they make none of the space."""

    @abstractmethod
    def choices_of(self, arch: Arch) -> tuple[int, ...]:
        """Values that make the architecture, or one of the same `arch_id`."""

    def discretised(self, weights: npt.NDArray[np.float64]) -> Arch:
        """The architecture that weights (*relaxation, |O|) stand for; UserError without a relaxation."""
        raise UserError(f"{self.name}: has no relaxation: {self.unrelaxed}")

    @abstractmethod
    def network(self, factory: LayerFactory, own: Arch | None, size: NetworkSize) -> nn.Module:
        """The path network `net(images, arch)` that owns all operations, or those of one architecture."""

    @abstractmethod
    def count(self, arch: Arch, size: NetworkSize, image: int, zero_in_zero_out: bool) -> Cost:
        """The cost of the stand-alone network of a size; the arguments are those of `cost`."""

    def cost(
        self, arch: Arch, size: NetworkSize | None = None, image: int = 32, zero_in_zero_out: bool = False
    ) -> Cost:
        """Exact parameters of `build_standalone`, and multiply-adds of one image of `image` x `image` pixels.

        By default at the benchmark's own size, on CIFAR-10. Counted are the convolutions and linear layers that are
        executed: edges that the network leaves out have parameters, but no multiply-adds. With `zero_in_zero_out`
        convolutions that are fed only by zeros have none either, as in a network without affine and tracked norms.
        Raises UserError where no network takes images of that size.
        """
        if image < 1:
            raise UserError(f"{self.name}: found images of {image} pixels a side; expected 1 or more")
        size = size or NetworkSize(self.channels, self.layers, num_classes=10, in_channels=3)
        return self.count(arch, size, image, zero_in_zero_out)

    def build_standalone(
        self,
        arch: Arch,
        channels: int | None = None,
        layers: int | None = None,
        num_classes: int = 10,
        in_channels: int = 3,
        bn_momentum: float | None = None,
        widths: str = "benchmark",
    ) -> nn.Module:
        """The network of one architecture, called as `net(images)`; by default in the benchmark's sizes.

        `channels` are those of the first cell; `layers` counts cells as the factor of that name does,
        and `widths` is that of `NetworkSize`.
        """
        from supernet.nn.factory import LayerFactory
        from supernet.nn.standalone import StandAlone

        size = NetworkSize(channels or self.channels, layers or self.layers, num_classes, in_channels, widths)
        factory = LayerFactory(bn_momentum=bn_momentum or self.bn_momentum)
        return StandAlone(self.network(factory, arch, size), arch)

    def build_supernet(
        self,
        channels: int | None = None,
        layers: int | None = None,
        num_classes: int = 10,
        in_channels: int = 3,
        bn_momentum: float | None = None,
        widths: str = "benchmark",
        **heuristics: Any,
    ) -> nn.Module:
        """Return the shared-weight network of the space, called as `net(images, arch)`.

        The sizes are those of `build_standalone`. `heuristics` are fields of `supernet.nn.factory.LayerFactory`:
        values of factors by name (paper, Sec. 3). In a space with a relaxation, `net.mix(images, mixture)` is the
        weighted sum of all operations; a network with `partial_channels` above 1 computes nothing else. Raises
        ValueError for a value that is unknown, that the space lacks, or that does not go together with another one,
        TypeError for an unknown heuristic.
        """
        from supernet.nn.factory import LayerFactory

        size = NetworkSize(channels or self.channels, layers or self.layers, num_classes, in_channels, widths)
        factory = LayerFactory(bn_momentum=bn_momentum or self.bn_momentum, **heuristics)
        self._expect_supported(factory, size)
        return self.network(factory, None, size)

    def _expect_supported(self, factory: LayerFactory, size: NetworkSize) -> None:
        for name in VALUES.keys() & self.lacks.keys():
            value = getattr(factory, name)
            if value != getattr(type(factory), name):  # the default, which changes nothing
                raise ValueError(f"{name}: found {value!r}; {self.title} lacks this factor: {self.lacks[name]}")
        if factory.partial_channels != 1 and self.relaxation is None:
            raise ValueError(f"partial_channels: found {factory.partial_channels}; {self.title} has no relaxation")
        placement = None if "op_placement" in self.lacks else factory.op_placement
        for heuristic, value, reason in conflicts(
            factory.batch_norm, factory.dynamic_channels, factory.ofa_kernel, factory.wsbn, placement, size.channels
        ):
            raise ValueError(f"{heuristic}: found {value!r}; {reason}")

    @overload
    def sample(self, rng: np.random.Generator, law: str = ..., count: None = None) -> Arch: ...
    @overload
    def sample(self, rng: np.random.Generator, law: str = ..., *, count: int) -> list[Arch]: ...
    def sample(self, rng: np.random.Generator, law: str = "random_a", count: int | None = None) -> Arch | list[Arch]:
        """One architecture, or a list of `count`; UserError names the laws that the space has."""
        if law not in self.laws:
            raise UserError(f"{self.name}: found sampling law {law!r}; this space has {', '.join(self.laws)}")
        drawn = self.draw(rng, law, 1 if count is None else count)
        return drawn[0] if count is None else drawn


def permuted_operations(rng: np.random.Generator, positions: int, operations: Sequence[str]) -> list[list[str]]:
    """FairNAS: for each position an independent permutation; row m holds the operations of the m-th model."""
    columns = [[operations[i] for i in rng.permutation(len(operations))] for _ in range(positions)]
    return [[column[model] for column in columns] for model in range(len(operations))]
