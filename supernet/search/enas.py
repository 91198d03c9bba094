"""ENAS: a controller samples paths and learns from their accuracy (Pham et al. 2018)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from supernet.config.searches import ENASOptions
from supernet.rng import torch_seed
from supernet.search.controller import Controller, reinforce
from supernet.search.optimizer_state import load_state_tensors, state_tensors
from supernet.search.pathwise import PathSystem
from supernet.search.problem import Problem
from supernet.search.scores import made
from supernet.training.path_sampling import Group

_ATTEMPTS = 50
"""Number of samples of the controller after which a random architecture is used instead."""


class ENAS(PathSystem[ENASOptions]):
    """Weights are trained on paths that the controller samples; the controller on the accuracy on held-out batches.

    At the end, architectures of the controller are scored. Choices that form no architecture have the reward 0.
    """

    name = "enas"

    def __init__(self, problem: Problem, options: ENASOptions) -> None:
        super().__init__(problem, options)
        device = self.weights.parameters[0].device
        self.controller = Controller(
            problem.space.choices,
            options.hidden,
            options.temperature,
            options.tanh,
            torch_seed(problem.seed, "search", self.name, "initial"),
        ).to(device)
        self.adam = torch.optim.Adam(self.controller.parameters(), options.learning_rate)
        self.baseline: float | None = None

    def step(self) -> None:
        """In the training part, train the weights, then the controller; afterwards score an architecture."""
        training = self.training
        super().step()
        if training and (self.steps + 1) % self.options.controller_every == 0:
            self._learn()

    def group(self) -> Group:
        """Sample paths from the controller."""
        rng = self.rng("path", self.steps)
        spare = self.paths("random_a")
        return tuple(self._sampled(rng) or other for other in spare)

    def choose(self) -> None:
        """Score a new architecture of the controller, or a random one if the controller repeats itself."""
        arch = self._sampled(self.rng("choose", self.steps), new=True)
        self.scores.score(self.drawn() if arch is None else arch, self.weights)

    def _sampled(self, rng: np.random.Generator, new: bool = False) -> Any | None:
        for _ in range(_ATTEMPTS):
            with torch.no_grad():
                choices, _, _ = self.controller.sample(rng)
            arch = made(self.problem, choices)
            if arch is None:
                self.invalid += 1
            elif not new or not self.scores.known(arch):
                return arch
        return None

    def _learn(self) -> None:
        """Take a step of the controller along the mean of the gradients of `aggregate` samples."""
        rng, aggregate = self.rng("reward", self.steps), self.options.aggregate
        first_batch = (self.steps // self.options.controller_every) * aggregate
        self.adam.zero_grad(set_to_none=True)
        for number in range(aggregate):
            choices, log_probability, entropy = self.controller.sample(rng)
            reward = self._reward(choices, first_batch + number)
            reward += self.options.entropy * float(entropy.detach())
            # The first reward is its own baseline, as in ENAS' code.
            former = reward if self.baseline is None else self.baseline
            self.baseline = former + (1 - self.options.baseline) * (reward - former)
            torch.autograd.backward(reinforce(log_probability, reward, self.baseline) / aggregate)
        nn.utils.clip_grad_norm_(self.controller.parameters(), self.options.clip)
        self.adam.step()

    def _reward(self, choices: tuple[int, ...], batch: int) -> float:
        arch = made(self.problem, choices)
        if arch is None:
            self.invalid += 1
            return 0.0
        return self.weights.reward(arch, self.problem.held_out.batch(batch))

    def tensors(self) -> dict[str, Tensor]:
        """Return the state of the controller as well."""
        own = {f"controller.{name}": value for name, value in self.controller.state_dict().items()}
        return super().tensors() | own | state_tensors(self.adam, "adam")

    def note(self) -> dict[str, Any]:
        """Return the baseline of the rewards as well."""
        return {**super().note(), "baseline": self.baseline}

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore the controller as well."""
        super().restore(tensors, note)
        prefix = "controller."
        self.controller.load_state_dict(
            {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        )
        load_state_tensors(self.adam, "adam", tensors)
        self.baseline = note["baseline"]
