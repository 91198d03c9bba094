"""The shared weights of a search: a super-net and the SGD that trains it on paths or mixtures."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.drawing import generator_for
from supernet.nn.mixture import Mixture
from supernet.nn.norm import statistics
from supernet.rng import torch_seed
from supernet.search.cost import Cost
from supernet.search.problem import Problem
from supernet.search.states import packed, unpack
from supernet.training.path_sampling import Group
from supernet.training.sgd import SGD


class SharedWeights:
    """A super-net under training; all its passes are counted in `cost`.

    `steps` is the number of SGD steps so far, and the number of the next training batch.
    """

    def __init__(self, problem: Problem, cost: Cost, partial_channels: int = 1) -> None:
        self.problem, self.cost, self.steps = problem, cost, 0
        self.network = problem.build(partial_channels)
        self.parameters = list(self.network.parameters())
        descent = problem.descent
        self.optimizer = SGD(self.parameters, descent.learning_rate, descent.momentum, descent.weight_decay)
        self._draws = generator_for(self.network, self.parameters[0].device)
        self.network.train()

    def rate(self, spent: float) -> float:
        """The learning rate where a share of the training is spent."""
        descent = self.problem.descent
        amplitude = (descent.learning_rate - descent.final_learning_rate) / 2
        return descent.final_learning_rate + amplitude * (1 + math.cos(math.pi * min(spent, 1.0)))

    def train_paths(self, group: Group, spent: float, mean: bool = False) -> None:
        """One step on the paths of some architectures: on the sum, or the mean, of their gradients."""
        share = 1 / len(group) if mean else 1.0
        self._descend([self._path(arch) for arch in group], spent, share)

    def train_mixture(self, mixture: Mixture, spent: float) -> float:
        """One step on a mixture, whose weights get gradients if they require them; gives the loss."""
        return self._descend([lambda images: self.network.mix(images, mixture)], spent, 1.0)  # type: ignore[operator]

    def _path(self, arch: Any) -> Callable[[Tensor], Tensor]:
        return lambda images: self.network(images, arch)

    def _descend(self, passes: Sequence[Callable[[Tensor], Tensor]], spent: float, share: float) -> float:
        images, labels = self.problem.training.batch(self.steps)
        self.optimizer.param_groups[0]["lr"] = self.rate(spent)
        self.optimizer.zero_grad()
        self.seed_draws(self.steps)
        total = 0.0
        for forward in passes:
            loss = F.cross_entropy(forward(images), labels)
            torch.autograd.backward(share * loss)
            self.cost.add(len(labels), backward=1)
            total += float(loss.detach())
        if not math.isfinite(total):
            raise Diverged(f"the loss was not finite at step {self.steps} of the shared weights")
        touched = [parameter for parameter in self.parameters if parameter.grad is not None]
        nn.utils.clip_grad_norm_(touched, self.problem.descent.clip)
        self.optimizer.step()
        self.steps += 1
        return total

    def loss(self, mixture: Mixture, batch: tuple[Tensor, Tensor], backward: int = 1) -> Tensor:
        """Cross-entropy of a mixture on a batch, in training mode; `backward` passes through it are counted."""
        images, labels = batch
        self.cost.add(len(labels), backward=backward)
        self.seed_draws(self.steps)
        value: Tensor = F.cross_entropy(self.network.mix(images, mixture), labels)  # type: ignore[operator]
        return value

    def reward(self, arch: object, batch: tuple[Tensor, Tensor]) -> float:
        """Accuracy of a path on one held-out batch, with its statistics."""
        images, labels = batch
        self.cost.add(len(labels))
        with torch.no_grad(), statistics(self.network, "batch"):
            logits: Tensor = self.network(images, arch)
        return float((logits.argmax(1) == labels).float().mean())

    def seed_draws(self, step: int) -> None:
        """Layers that draw do so as a function of the step."""
        if self._draws is not None:
            self._draws.manual_seed(torch_seed(self.problem.seed, "layers", step))

    def tensors(self) -> dict[str, Tensor]:
        """The network and the momentum, by name."""
        network = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        return network | packed(self.optimizer, "momentum")

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Take over `tensors`."""
        own = {name.removeprefix("network."): value for name, value in tensors.items() if name.startswith("network.")}
        self.network.load_state_dict(own)
        unpack(self.optimizer, "momentum", tensors)
        self.steps = steps


class Diverged(Exception):  # noqa: N818 (an outcome of a search, not a mistake of its user)
    """The shared weights are of no use any more."""
