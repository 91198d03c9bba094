"""Evolution on a trained super-net: tournaments, crossover and mutation of choices, in every space."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from supernet.config.searches import Evolution
from supernet.search.pathwise import PathSystem
from supernet.search.scores import made

_Options = TypeVar("_Options", bound=Evolution)
_ATTEMPTS = 100
"""Number of drawn children after which a random architecture is used instead."""


class EvolutionSystem(PathSystem[_Options], Generic[_Options]):
    """Steady-state evolution: the population is the best `population` of all scored architectures.

    The first architectures are random. Parents are the winners of tournaments of `tournament` members.
    """

    def choose(self) -> None:
        """Score a random architecture until the population is full, then a child."""
        full = len(self.scores.found) >= self.options.population
        arch = self._child() if full else None
        self.scores.score(self.drawn() if arch is None else arch, self.weights)

    def _child(self) -> Any | None:
        """Make an architecture that has not been scored; None if all attempts fail."""
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
        # The population is ranked: the lowest index is the best member of the tournament.
        part = rng.choice(len(population), size=min(self.options.tournament, len(population)), replace=False)
        return population[int(part.min())]


def mutated(
    choices: Sequence[int], sizes: Sequence[int], probability: float, rng: np.random.Generator
) -> tuple[int, ...]:
    """Redraw each choice with this probability, and at least one choice."""
    drawn = rng.random(len(choices)) < probability
    drawn[rng.integers(len(choices))] |= not drawn.any()
    fresh = rng.integers(np.asarray(sizes))
    return tuple(int(new if anew else old) for old, new, anew in zip(choices, fresh, drawn, strict=True))


def crossed(first: Sequence[int], second: Sequence[int], rng: np.random.Generator) -> tuple[int, ...]:
    """Take each choice from one of the parents, with equal probability."""
    return tuple(
        int(a if heads else b) for a, b, heads in zip(first, second, rng.random(len(first)) < 0.5, strict=True)
    )
