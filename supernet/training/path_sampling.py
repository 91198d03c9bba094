"""Draw the architectures that each mini-batch trains (paper, Sec. 3; factor `path_sampling`).

Each space draws its own architectures (`Space.draw`) and FairNAS groups (`Space.fair_groups`).
"""

from typing import Any

from supernet.rng import stream
from supernet.spaces.base import Space

Group = tuple[Any, ...]
FAIR = ("fairnas", "fairnas_by_weights")
"""Laws that train a group of architectures on each mini-batch."""


def epoch_paths(space: Space[Any], law: str, seed: int, epoch: int, steps: int, random_paths: int = 1) -> list[Group]:
    """Draw the architectures of each step of an epoch: `random_paths` independent ones, or a group of FairNAS.

    Random-A is uniform over architectures, Random-NAS over encodings. FairNAS (Chu et al. 2019) trains |O| models on
    each mini-batch, which use every operation of every position exactly once. Each operation therefore gets one
    gradient, unless `none` disconnects its edge in that model.

    `fairnas_by_weights` is beyond the paper: its groups have more models. They use operations without weights once at
    each position, that with the fewest weights three times, the next one five times, and so on. Large operations need
    more steps than small ones; with equally many, shared weights rank architectures with many weights too low.
    """
    rng = stream(seed, "paths", epoch)
    if law in FAIR:
        return space.fair_groups(rng, steps, _group_operations(space, law))
    drawn = space.sample(rng, law, count=steps * random_paths)
    return [tuple(drawn[first : first + random_paths]) for first in range(0, len(drawn), random_paths)]


def passes_per_step(space: Space[Any], law: str, random_paths: int = 1) -> int:
    """Count the forward-backward passes of one optimiser step."""
    return len(_group_operations(space, law)) if law in FAIR else random_paths


def _group_operations(space: Space[Any], law: str) -> tuple[str, ...]:
    """Return the operations that the models of one group use at each position, with repetitions."""
    repeated = enumerate(space.weighted_operations, start=1) if law == "fairnas_by_weights" else ()
    return (*space.operations, *(operation for rank, operation in repeated for _ in range(2 * rank)))
