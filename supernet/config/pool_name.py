"""Which set of architectures a file holds: the pool of a space or sub-space, of one run seed, or its landmarks."""

from dataclasses import dataclass

from supernet.spaces import subspace


@dataclass(frozen=True)
class PoolName:
    """The name of a set of architectures that have a ground truth; as text, part of file names.

    `space` is that of the study, `dynamic_channels` the value by which a super-net has a sub-space alone; `run_seed`
    where each run seed has a pool of its own; `landmarks` are those that training may look at, and never scored.
    """

    space: str
    dynamic_channels: str | None = None
    run_seed: int | None = None
    landmarks: bool = False

    @property
    def own_space(self) -> str:
        """The space or sub-space from which it is drawn."""
        return subspace(self.space, self.dynamic_channels)

    def __str__(self) -> str:
        parts = [self.own_space, "" if self.run_seed is None else f"seed{self.run_seed}", "landmarks" * self.landmarks]
        return "-".join(part for part in parts if part)
