"""NAO: embeddings of architectures are improved along the gradient of a predictor and decoded (Luo et al. 2018)."""

from typing import Any

import torch
from torch import Tensor

from supernet.config.searches import NAOOptions
from supernet.rng import torch_seed
from supernet.search.autoencoder import Autoencoder, fit, improved
from supernet.search.pathwise import PathSystem
from supernet.search.problem import Problem
from supernet.search.scores import made
from supernet.training.path_sampling import Group

_STEPS = 10
"""Step lengths that are tried, 1 to _STEPS times the shortest, until enough decoded architectures are new."""


class NAO(PathSystem[NAOOptions]):
    """Weights are trained on uniform paths; rounds of fitting, improving and scoring follow.

    The model is fitted from scratch in each round, so that a round depends on the scores only. Unlike in NAO, weights
    are not trained between rounds: the budget has a part for training and a part for search.
    """

    name = "nao"

    def __init__(self, problem: Problem, options: NAOOptions) -> None:
        super().__init__(problem, options)
        self.queue: list[tuple[int, ...]] = []
        self.rounds = 0

    def group(self) -> Group:
        """Draw one uniform architecture."""
        return self.paths("random_a")

    def choose(self) -> None:
        """Score a random architecture until `first` are scored, then the next architecture of a round."""
        if len(self.scores.found) < self.options.first:
            self.scores.score(self.drawn(), self.weights)
            return
        if not self.queue:
            self.queue = self._round()
            self.rounds += 1
        arch = made(self.problem, self.queue.pop(0)) if self.queue else None
        self.scores.score(self.drawn() if arch is None else arch, self.weights)

    def _round(self) -> list[tuple[int, ...]]:
        """Make the choices of the next architectures: improved ones, then random ones."""
        space, options = self.problem.space, self.options
        ranked = self.scores.ranked()
        device = self.weights.parameters[0].device
        choices = torch.tensor([space.choices_of(one.arch) for one in ranked], device=device)
        scores = torch.tensor([one.accuracy for one in ranked], device=device)
        seed = torch_seed(self.problem.seed, "search", self.name, "model", self.rounds)
        model = Autoencoder(space.choices, options.hidden, seed).to(device)
        fit(model, choices, scores, options.epochs, options.learning_rate, options.trade_off)
        found = self._improved(model, choices[: options.best])
        drawn = self.problem.draw(self.rng("round", self.rounds), count=options.random)
        random = [space.choices_of(arch) for arch in drawn]
        return [*found, *(one for one in random if not self.scores.known(space.chosen(one)))]

    def _improved(self, model: Autoencoder, best: Tensor) -> list[tuple[int, ...]]:
        space = self.problem.space
        embedding, found = model.encode(best), dict[str, tuple[int, ...]]()
        for length in range(1, _STEPS + 1):
            moved = improved(model, embedding, length * self.options.step)
            with torch.no_grad():
                decoded, _ = model.decode(moved)
            for row in decoded.tolist():
                arch = made(self.problem, tuple(row))
                if arch is None:
                    self.invalid += 1
                elif not self.scores.known(arch):
                    found.setdefault(space.arch_id(arch), tuple(row))
            if len(found) >= self.options.new:
                break
        return list(found.values())[: self.options.new]

    def note(self) -> dict[str, Any]:
        """Return the rest of the current round as well."""
        return {**super().note(), "queue": [list(one) for one in self.queue], "rounds": self.rounds}

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore the rest of the current round as well."""
        super().restore(tensors, note)
        self.queue, self.rounds = [tuple(one) for one in note["queue"]], note["rounds"]
