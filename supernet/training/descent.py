"""One step of stochastic gradient descent, used by runs, stand-alone trainings and searches."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from supernet.nn.drawing import generator_for
from supernet.rng import torch_seed
from supernet.training.sgd import SGD

_NEVER = 2**63 - 1


@dataclass(frozen=True)
class Hyperparameters:
    """SGD with momentum, a learning rate that falls from the first to the final one, clipped gradients.

    `clip` is the largest norm of the gradients of one step, taken over all parameters that have a gradient. `untouched`
    is what happens to the others (`supernet.training.sgd`).
    """

    learning_rate: float
    final_learning_rate: float
    weight_decay: float
    momentum: float
    clip: float
    untouched: Literal["rest", "decay"] = field(default="rest", kw_only=True)


class Descent:
    """Updates the weights of a network, and notes the first step whose loss is not finite."""

    def __init__(self, network: nn.Module, hyperparameters: Hyperparameters, seed: int) -> None:
        """`seed` is that of the run: layers that draw do so as a function of it and of the step."""
        self.parameters = dict(network.named_parameters())
        self.optimizer = SGD(
            self.parameters.values(),
            hyperparameters.learning_rate,
            hyperparameters.momentum,
            hyperparameters.weight_decay,
            hyperparameters.untouched,
        )
        self.device = next(iter(self.parameters.values())).device
        self.first_bad = torch.tensor(_NEVER, device=self.device)
        self._clip, self._seed = hyperparameters.clip, seed
        self._draws = generator_for(network, self.device)

    def step(self, number: int, rate: float, losses: Iterable[Tensor]) -> None:
        """Take step `number`, from 0, at a learning rate, along the sum of the gradients of some losses ().

        Each loss is requested after the backward pass of the previous one, so that only one graph is in memory.
        """
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad()
        self.seed_draws(number)
        for loss in losses:
            torch.autograd.backward(loss)
            self.check(number, loss.detach())
        touched = [parameter for parameter in self.parameters.values() if parameter.grad is not None]
        nn.utils.clip_grad_norm_(touched, self._clip)
        self.optimizer.step()

    def seed_draws(self, number: int) -> None:
        """Seed the layers that draw, so that a resumed training draws the same values as an uninterrupted one."""
        if self._draws is not None:
            self._draws.manual_seed(torch_seed(self._seed, "layers", number))

    def check(self, number: int, loss: Tensor) -> None:
        """Note step `number` if this loss () is the first that is not finite."""
        # The number stays on the device: reading it would make every step wait for the device.
        self.first_bad = torch.minimum(self.first_bad, torch.where(torch.isfinite(loss), _NEVER, number))

    def diverged_at(self, steps: int) -> int | None:
        """Return the first of the first `steps` steps whose loss was not finite, or None. Waits for the device."""
        return None if (bad := int(self.first_bad)) >= steps else bad
