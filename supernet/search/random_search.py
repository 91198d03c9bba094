"""Random search on a trained super-net (paper, Sec. 4): draw, score with shared weights, rank."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from supernet.errors import UserError
from supernet.spaces.base import Space


class Draw(Protocol):
    """Draws `count` independent architectures."""

    def __call__(self, rng: np.random.Generator, *, count: int) -> Iterable[Any]: ...


@dataclass(frozen=True)
class Found:
    """An architecture and its score with shared weights: accuracy (fraction) and loss (nats)."""

    arch_id: str
    arch: Any
    accuracy: float
    loss: float


def random_search(
    space: Space[Any],
    score: Callable[[Any], tuple[float, float]],
    architectures: int,
    rng: np.random.Generator,
    draw: Draw,
    available: int,
) -> list[Found]:
    """Score `architectures` different architectures and rank them: best accuracy first, then lowest loss.

    `score` gives (accuracy, loss) of one architecture; `draw` gives independent architectures, of which `available`
    are different. Raises UserError if `architectures` is more than that.
    """
    if architectures > available:
        raise UserError(
            f"search.architectures {architectures}: only {available} architectures of {space.name} can be drawn; use "
            "a smaller number"
        )
    found: dict[str, Found] = {}
    while len(found) < architectures:
        for arch in draw(rng, count=architectures):
            arch_id = space.arch_id(arch)
            if len(found) < architectures and arch_id not in found:
                found[arch_id] = Found(arch_id, arch, *score(arch))
    return sorted(found.values(), key=lambda one: (-one.accuracy, one.loss, one.arch_id))
