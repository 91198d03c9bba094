"""Names of sets of architectures: the pool of a space or sub-space, of one run seed, or its landmarks."""

from dataclasses import dataclass

from supernet.spaces import subspace


@dataclass(frozen=True)
class PoolName:
    """The name of a set of architectures that have a ground truth; its text is part of file names.

    `space` is that of the study. `dynamic_channels` is the value with which super-nets have only a sub-space.
    `run_seed` is given if each run seed has its own pool. `landmarks` are used in training and never scored.
    """

    space: str
    dynamic_channels: str | None = None
    run_seed: int | None = None
    landmarks: bool = False

    @property
    def own_space(self) -> str:
        """The space or sub-space from which the architectures are drawn."""
        return subspace(self.space, self.dynamic_channels)

    def __str__(self) -> str:
        parts = [self.own_space, "" if self.run_seed is None else f"seed{self.run_seed}", "landmarks" * self.landmarks]
        return "-".join(part for part in parts if part)


def scored_pool(space: str, dynamic_channels: str | None, seed: int, per_seed: bool) -> PoolName:
    """Return the name of the pool that a run scores; `per_seed` is `pool.per_seed` of its study."""
    constant = subspace(space, dynamic_channels) != space
    return PoolName(space, dynamic_channels if constant else None, seed if per_seed else None)
