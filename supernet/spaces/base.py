"""The interface of a search space; only the builders import torch."""

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
from supernet.spaces.conventions import Convention
from supernet.spaces.counting import Cost

if TYPE_CHECKING:
    from torch import nn

    from supernet.nn.factory import LayerFactory

Arch = TypeVar("Arch")


@dataclass(frozen=True)
class NetworkSize:
    """Channels of the first cell, number of cells as in the factor `layers`, classes, image channels.

    `widths` affects NASBench-101 only: with `doubled`, as in the authors' code, its first stack doubles the channels
    too.
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
    """The name in tables and figures."""
    of_the_paper: ClassVar[bool] = False
    """Whether the paper has it: captions name spaces of the paper that a study lacks."""
    size: int
    encodings: str
    operations: ClassVar[tuple[str, ...]]
    weighted_operations: ClassVar[tuple[str, ...]]
    """The operations that have weights, from the fewest to the most."""
    laws: ClassVar[tuple[str, ...]]
    """Laws by which single architectures are drawn; `path_sampling` also has `fairnas`."""
    channels: ClassVar[int]
    layers: ClassVar[int]
    least_channels: ClassVar[int] = 1
    """The fewest channels of the first cell with which every architecture can be built."""
    layer_multiple: ClassVar[int] = 1
    """The factor `layers` is a multiple of this."""
    lacks: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Factors that the space does not have, each with the reason."""
    baseline: ClassVar[Mapping[str, Any]]
    """Defaults of factors in this space, where they differ from those of `supernet.config.baselines`."""
    grid: ClassVar[Mapping[str, tuple[Any, ...]]]
    """Values of a `paper` sweep in this space, where they differ from those of `supernet.config.baselines`."""
    published: ClassVar[tuple[str, ...]] = ()
    """Names of its tables in `workflow/sources.yaml` that can be ground truth on CIFAR-10, the default first."""
    further: ClassVar[tuple[str, ...]] = ()
    """Names of its other tables there: accuracies on other data sets, or after fewer epochs."""
    bn_momentum: ClassVar[float] = 0.1
    authors_bn_momentum: ClassVar[float] = 0.1
    trained_apart: ClassVar[bool] = True
    """Whether its benchmark trained architectures of one function apart from each other, so that their accuracies are
    independent."""
    branches: ClassVar[int]
    choices: ClassVar[tuple[int, ...]]
    """Number of values of each choice that defines an architecture; searches decide these one by one."""
    relaxation: ClassVar[tuple[int, int] | None] = None
    """Numbers of kinds of cells and of positions of a relaxed super-net (see `Mixture`); None without a relaxation."""
    unrelaxed: ClassVar[str] = "its super-net computes one path at a time"
    """The reason why the space has no relaxation."""
    targets: ClassVar[tuple[int, ...]] = ()
    """The node at the end of each position of the relaxation."""
    conventions: ClassVar[Mapping[str, Convention[Any]]] = MappingProxyType({})
    """Encodings of other projects, by the names that `encode` and `decode` accept."""

    @property
    def distinct(self) -> int:
        """How many distinct architectures `draw` can return: `size`, unless that counts a published table."""
        return self.size

    def published_size(self, table: str) -> int:
        """Return the number of distinct architectures of a complete published table: `size`, unless it has a part."""
        return self.size

    @abstractmethod
    def parse(self, source: Any) -> Arch:
        """Parse a text, a mapping or an architecture; UserError if it is invalid."""

    @abstractmethod
    def format(self, arch: Arch) -> str:
        """Return the text of an architecture; `parse` is the inverse."""

    def encode(self, arch: Arch, convention: str) -> Any:
        """Return an architecture in the encoding of another project, one of `conventions`; `decode` is the inverse.

        Raises UserError if the space has no such convention, or the convention no such architecture.
        """
        return self._convention(convention).encode(arch)

    def decode(self, source: Any, convention: str) -> Arch:
        """Return the architecture of an encoding of another project, one of `conventions`.

        Raises UserError if the space has no such convention or the encoding is invalid.
        """
        arch: Arch = self._convention(convention).decode(source)
        return arch

    def index(self, arch: Arch) -> int:
        """Return the number of an architecture in its benchmark; UserError if the benchmark has no numbers."""
        raise self._unnumbered()

    def architecture(self, index: int) -> Arch:
        """Return the architecture of a number; UserError if there is none, or if the benchmark has no numbers."""
        raise self._unnumbered()

    def _convention(self, name: str) -> Convention[Any]:
        if name not in self.conventions:
            raise UserError(
                f"{self.name}: found the convention {name!r}; expected one of {', '.join(self.conventions)}"
            )
        return self.conventions[name]

    def _unnumbered(self) -> UserError:
        return UserError(f"{self.name}: its benchmark does not number the architectures; use arch_id")

    @abstractmethod
    def arch_id(self, arch: Arch) -> str:
        """Return the identifier of an architecture, equal for equivalent encodings."""

    def holds(self, encoding: str) -> bool:
        """Return whether an architecture, given as text, is a member; a sub-space has only some architectures."""
        return True

    def function_of(self, arch: Arch) -> str:
        """Return a text that is equal for architectures that compute the same function, for some weights of each.

        With shared weights they are different paths, which have different scores. The default is their `arch_id`:
        equal functions are not looked for.
        """
        return self.arch_id(arch)

    @abstractmethod
    def degenerate(self, arch: Arch) -> bool:
        """Return whether no convolution is on a path from input to output of any of its cells."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, law: str, count: int) -> list[Arch]:
        """Draw `count` independent architectures by a law of `laws`."""

    def undrawn(self, encodings: Sequence[str]) -> list[str]:
        """Return those architectures, given as texts, that no law can draw: no super-net is trained on them."""
        return []

    @abstractmethod
    def fair_groups(
        self, rng: np.random.Generator, count: int, operations: Sequence[str] | None = None
    ) -> list[tuple[Arch, ...]]:
        """Draw `count` FairNAS groups: one topology per group, with every operation of every position exactly once.

        `operations` are those of each position if some are repeated: a group has as many architectures.
        """

    @abstractmethod
    def branch(self, arch: Arch) -> int:
        """Return the branch of an architecture, from 0 to `branches` - 1: its operation at one position."""

    @abstractmethod
    def chosen(self, choices: Sequence[int]) -> Arch:
        """Return the architecture that one value per choice defines; UserError if there is none in the space."""

    @abstractmethod
    def choices_of(self, arch: Arch) -> tuple[int, ...]:
        """Return values of `choices` that define the architecture, or one with the same `arch_id`."""

    def discretised(self, weights: npt.NDArray[np.float64]) -> Arch:
        """Discretise relaxed weights (*relaxation, |O|) to an architecture; UserError without a relaxation."""
        raise UserError(f"{self.name}: has no relaxation: {self.unrelaxed}")

    def relaxed_macs(
        self, size: NetworkSize, image: int = 32, partial_channels: int = 1
    ) -> tuple[int, npt.NDArray[np.int64]]:
        """Return multiply-adds of a mixture for one image, as `Cost` counts them.

        First those that every mixture executes; then those of each operation (*relaxation, |O|), summed over the cells,
        on 1/K of the channels with `partial_channels` K. A mixture executes the operations that it computes. UserError
        without a relaxation.
        """
        raise UserError(f"{self.name}: has no relaxation: {self.unrelaxed}")

    @abstractmethod
    def network(self, factory: LayerFactory, own: Arch | None, size: NetworkSize) -> nn.Module:
        """Return the path network `net(images, arch)` with all operations, or with those of `own` only."""

    @abstractmethod
    def count(self, arch: Arch, size: NetworkSize, image: int, zero_in_zero_out: bool) -> Cost:
        """Return the cost of the stand-alone network of a size; the arguments are those of `cost`."""

    def cost(
        self, arch: Arch, size: NetworkSize | None = None, image: int = 32, zero_in_zero_out: bool = False
    ) -> Cost:
        """Return exact parameters of `build_standalone`, and multiply-adds for one image of `image` x `image` pixels.

        The default is the benchmark's size on CIFAR-10. Multiply-adds are those of executed convolutions and linear
        layers: edges that the network skips have parameters only. With `zero_in_zero_out` this includes convolutions
        whose input is always zero, as in a network without affine and tracked norms. Raises UserError if no network
        accepts images of that size.
        """
        if image < 1:
            raise UserError(f"{self.name}: found images of {image} pixels a side; expected 1 or more")
        size = size or self.network_size(None, None)
        return self.count(arch, size, image, zero_in_zero_out)

    def network_size(
        self,
        channels: int | None,
        layers: int | None,
        num_classes: int = 10,
        in_channels: int = 3,
        widths: str = "benchmark",
    ) -> NetworkSize:
        """Return a size in which None is the benchmark's; the others are as in `NetworkSize`."""
        return NetworkSize(channels or self.channels, layers or self.layers, num_classes, in_channels, widths)

    def build_standalone(
        self,
        arch: Arch,
        channels: int | None = None,
        layers: int | None = None,
        num_classes: int = 10,
        in_channels: int = 3,
        bn_momentum: float | None = None,
        widths: str = "benchmark",
        batch_norm: str = "affine+tracking",
    ) -> nn.Module:
        """Return the network of one architecture, called as `net(images)`; the default size is the benchmark's.

        `channels` are those of the first cell, `layers` and `widths` as in `NetworkSize`, and `batch_norm` is a value
        of the factor of that name.
        """
        from supernet.nn.factory import LayerFactory
        from supernet.nn.standalone import StandAlone

        size = self.network_size(channels, layers, num_classes, in_channels, widths)
        factory = LayerFactory(batch_norm, bn_momentum or self.bn_momentum)
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

        The sizes are those of `build_standalone`. `heuristics` are fields of `supernet.nn.factory.LayerFactory`: values
        of factors by name (paper, Sec. 3). In a space with a relaxation, `net.mix(images, mixture)` is the weighted sum
        of all operations; a network with `partial_channels` above 1 computes nothing else. Raises ValueError for a
        value that is unknown, that the space lacks, or that is incompatible with another one, and TypeError for an
        unknown heuristic.
        """
        from supernet.nn.factory import LayerFactory

        size = self.network_size(channels, layers, num_classes, in_channels, widths)
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
        if (factory.cell_norms != "batch_norm" or factory.pooling_norms) and self.relaxation is None:
            raise ValueError(f"cell_norms, pooling_norms: {self.title} has no relaxation, for which they are")
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
        """Draw one architecture, or a list of `count`; UserError lists the laws of the space."""
        if law not in self.laws:
            raise UserError(f"{self.name}: found sampling law {law!r}; this space has {', '.join(self.laws)}")
        drawn = self.draw(rng, law, 1 if count is None else count)
        return drawn[0] if count is None else drawn


def permuted_operations(rng: np.random.Generator, positions: int, operations: Sequence[str]) -> list[list[str]]:
    """Draw an independent permutation per position (FairNAS); row m has the operations of model m."""
    columns = [[operations[i] for i in rng.permutation(len(operations))] for _ in range(positions)]
    return [[column[model] for column in columns] for model in range(len(operations))]
