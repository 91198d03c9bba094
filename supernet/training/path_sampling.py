"""Draw the architectures that each mini-batch trains (paper, Sec. 3; factor `path_sampling`).

Each space draws its own architectures (`Space.draw`) and FairNAS groups (`Space.fair_groups`).
"""

from typing import Any

from supernet.rng import stream
from supernet.spaces.base import Space

Group = tuple[Any, ...]


def epoch_paths(space: Space[Any], law: str, seed: int, epoch: int, steps: int, random_paths: int = 1) -> list[Group]:
    """Draw the architectures of each step of an epoch: `random_paths` independent ones, or |O| for `fairnas`.

    Random-A is uniform over architectures, Random-NAS over encodings. FairNAS (Chu et al. 2019) trains |O| models on
    each mini-batch, which use every operation of every position exactly once. Each operation therefore gets one
    gradient, unless `none` disconnects its edge in that model.
    """
    rng = stream(seed, "paths", epoch)
    if law == "fairnas":
        return space.fair_groups(rng, steps)
    drawn = space.sample(rng, law, count=steps * random_paths)
    return [tuple(drawn[first : first + random_paths]) for first in range(0, len(drawn), random_paths)]


def passes_per_step(space: Space[Any], law: str, random_paths: int = 1) -> int:
    """Count the forward-backward passes of one optimiser step."""
    return len(space.operations) if law == "fairnas" else random_paths
