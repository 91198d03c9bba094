"""Evolution on a trained super-net: tournaments, crossover and mutation of choices, valid in every space."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from supernet.config.searches import Evolution
from supernet.search.pathwise import PathSystem
from supernet.search.scores import made

_Options = TypeVar("_Options", bound=Evolution)
_ATTEMPTS = 100
"""Children that are drawn before a random architecture takes their place."""


class EvolutionSystem(PathSystem[_Options], Generic[_Options]):
    """Steady-state evolution: the population is the best `population` of all that were scored.

    The first ones are drawn at random. Parents win tournaments of `tournament` members.
    """

    def choose(self) -> None:
        """Score a random architecture until the population is full, then a child."""
        full = len(self.scores.found) >= self.options.population
        arch = self._child() if full else None
        self.scores.score(self.drawn() if arch is None else arch, self.weights)

    def _child(self) -> Any | None:
        """An architecture that has not been scored; None if chance brings none forth."""
        rng, space = self.rng("child", self.steps), self.problem.space
        population = [space.choices_of(one.arch) for one in self.scores.ranked()[: self.options.population]]
        for _ in range(_ATTEMPTS):
            choices = self._winner(population, rng)
            if rng.random() < self.options.crossover:
                choices = crossed(choices, self._winner(population, rng), rng)
            arch = made(self.problem, mutated(choices, space.choices, self.options.mutation, rng))
            if arch is None:
                self.invalid += 1
            elif not self.scores.known(arch):
                return arch
        return None

    def _winner(self, population: Sequence[tuple[int, ...]], rng: np.random.Generator) -> tuple[int, ...]:
        # The population is ranked: the first of those who take part is the best of them.
        part = rng.choice(len(population), size=min(self.options.tournament, len(population)), replace=False)
        return population[int(part.min())]


def mutated(
    choices: Sequence[int], sizes: Sequence[int], probability: float, rng: np.random.Generator
) -> tuple[int, ...]:
    """Each choice is drawn anew with this probability, at least one of them."""
    drawn = rng.random(len(choices)) < probability
    drawn[rng.integers(len(choices))] |= not drawn.any()
    fresh = rng.integers(np.asarray(sizes))
    return tuple(int(new if anew else old) for old, new, anew in zip(choices, fresh, drawn, strict=True))


def crossed(first: Sequence[int], second: Sequence[int], rng: np.random.Generator) -> tuple[int, ...]:
    """Each choice is that of one of the parents, with equal probability."""
    return tuple(
        int(a if heads else b) for a, b, heads in zip(first, second, rng.random(len(first)) < 0.5, strict=True)
    )
