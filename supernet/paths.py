"""Which architecture each mini-batch trains (paper, Sec. 3; `path_sampling`)."""

from typing import Any

from supernet.rng import stream
from supernet.spaces.base import Space

Group = tuple[Any, ...]


def epoch_paths(space: Space[Any], law: str, seed: int, epoch: int, steps: int) -> list[Group]:
    """The architectures of each step of an epoch: one, or a group of |O| for `fairnas`.

    Random-A is uniform over architectures, Random-NAS over encodings; FairNAS (Chu et al. 2019) trains |O|
    models on each mini-batch that use every operation of every position exactly once. It is updated so,
    unless `none` cuts its edge off in that model: then there is no gradient.
    """
    rng = stream(seed, "paths", epoch)
    if law == "fairnas":
        return space.fair_groups(rng, steps)
    return [(arch,) for arch in space.sample(rng, law, count=steps)]


def passes_per_step(space: Space[Any], law: str) -> int:
    """Forward-backward passes of one optimiser step."""
    return len(space.operations) if law == "fairnas" else 1
