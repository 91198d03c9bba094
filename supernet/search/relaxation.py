"""Base classes of systems with a relaxed super-net: weights of operations are trained, then discretised."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic

import numpy as np
import torch
from torch import Tensor

from supernet.config.searches import AdamOptions
from supernet.nn.mixture import Mixture
from supernet.search.optimizer_state import load_state_tensors, state_tensors
from supernet.search.problem import Problem
from supernet.search.system import Options, Proposal, System

INITIAL = 1e-3
"""Standard deviation of architecture parameters at the start (DARTS' code)."""


class RelaxedSystem(System[Options], Generic[Options]):
    """Updates the architecture on a held-out batch, then the weights on a training batch, in each step.

    `alpha` (kinds, positions, |O|) are the architecture parameters; each system defines their meaning.
    """

    def __init__(self, problem: Problem, options: Options) -> None:
        super().__init__(problem, options)
        shape = (*problem.kinds_and_positions(), len(problem.space.operations))
        device = self.weights.parameters[0].device
        self.alpha = self.initial(shape).to(device).requires_grad_()

    def _partial(self) -> int | None:
        return 1

    def initial(self, shape: tuple[int, ...]) -> Tensor:
        """Make the initial parameters: normal values close to zero."""
        return INITIAL * torch.from_numpy(self.rng("initial").standard_normal(shape)).float()

    @property
    def warm_up(self) -> float:
        """Share of the budget in which only the weights are trained."""
        return 0.0

    def step(self) -> None:
        """Update the architecture, except in the warm-up, then the weights."""
        if self.spent >= self.warm_up:
            self.update_architecture()
        with torch.no_grad():
            mixture = self.mixture_of_weights()
        self.weights.train_mixture(mixture, self.spent)

    @abstractmethod
    def mixture(self) -> Mixture:
        """Make the mixture of this step, differentiable in `alpha`."""

    def mixture_of_weights(self) -> Mixture:
        """Make the mixture on which the weights are trained in this step."""
        return self.mixture()

    @abstractmethod
    def update_architecture(self) -> None:
        """Update `alpha`."""

    @abstractmethod
    def strengths(self) -> Tensor:
        """Return the strengths (kinds, positions, |O|) by which the architecture is discretised; larger wins."""

    def held_out(self) -> tuple[Tensor, Tensor]:
        """Return the held-out batch of this step."""
        return self.problem.held_out.batch(self.steps)

    def gradients(self, mixture: Mixture, by: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Compute gradients of the held-out loss of this step; zero if no computed operation leads to the output."""
        loss = self.weights.loss(mixture, self.held_out())
        return torch.autograd.grad(loss, by, allow_unused=True, materialize_grads=True)

    def proposals(self) -> list[Proposal]:
        """Return the architecture that the strengths discretise to; nothing if they are not finite."""
        found = self.strengths().detach().double().cpu().numpy()
        if not np.isfinite(found).all():
            return []
        return [Proposal(self.problem.space.discretised(found))]

    def tensors(self) -> dict[str, Tensor]:
        """Return the architecture parameters as well."""
        return super().tensors() | {"alpha": self.alpha.detach()}

    def check(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Check as well that every step has trained the weights once."""
        super().check(tensors, note)
        if note["done"] != note["weight_steps"]:
            raise ValueError(f"{note['done']} steps have {note['weight_steps']} steps of the weights")

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore the architecture parameters as well."""
        super().restore(tensors, note)
        with torch.no_grad():
            self.alpha.copy_(tensors["alpha"])


class AdamSystem(RelaxedSystem[Options], Generic[Options]):
    """A relaxed system whose architecture parameters are trained by Adam on the held-out loss."""

    def __init__(self, problem: Problem, options: Options) -> None:
        super().__init__(problem, options)
        self.trained = [self.alpha, *self.more_parameters()]
        self.adam = torch.optim.Adam(self.trained, **adam_arguments(options))

    def more_parameters(self) -> list[Tensor]:
        """Make the architecture parameters besides `alpha`."""
        return []

    def update_architecture(self) -> None:
        """Take a step of Adam on the held-out loss."""
        self.descend(self.gradients(self.mixture(), self.trained))

    def descend(self, gradients: tuple[Tensor, ...]) -> None:
        """Take a step of Adam along these gradients."""
        for parameter, gradient in zip(self.trained, gradients, strict=True):
            parameter.grad = gradient
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)

    def strengths(self) -> Tensor:
        """Return the probabilities of the operations."""
        return torch.softmax(self.alpha, dim=-1)

    def tensors(self) -> dict[str, Tensor]:
        """Return Adam's moments as well."""
        return super().tensors() | state_tensors(self.adam, "adam")

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore Adam's moments as well."""
        super().restore(tensors, note)
        load_state_tensors(self.adam, "adam", tensors)


def adam_arguments(options: Any) -> dict[str, Any]:
    """Make the arguments of torch's Adam from the options of a system."""
    checked: AdamOptions = options
    return {"lr": checked.learning_rate, "weight_decay": checked.weight_decay, "betas": (checked.beta, 0.999)}
