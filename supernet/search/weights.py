"""The shared weights of a search: a super-net that is trained on paths or mixtures."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from supernet.nn.mixture import Mixture
from supernet.nn.norm import statistics
from supernet.search.budget import SearchCost
from supernet.search.optimizer_state import load_state_tensors, state_tensors
from supernet.search.problem import Problem
from supernet.training.descent import Descent
from supernet.training.path_sampling import Group
from supernet.training.schedule import cosine


class SharedWeights:
    """A super-net in training; all its passes are counted in `cost`.

    `steps` is the number of SGD steps so far, and the number of the next training batch. Training raises Diverged if a
    loss is not finite.
    """

    def __init__(self, problem: Problem, cost: SearchCost, partial_channels: int = 1) -> None:
        self.problem, self.cost, self.steps = problem, cost, 0
        self.network = problem.build(partial_channels)
        self.descent = Descent(self.network, problem.hyperparameters, problem.seed)
        self.parameters = list(self.descent.parameters.values())
        self.network.train()

    def rate(self, spent: float) -> float:
        """Return the learning rate after this share of the training."""
        hyperparameters = self.problem.hyperparameters
        return cosine(hyperparameters.learning_rate, hyperparameters.final_learning_rate, min(spent, 1.0), 1.0)

    def train_paths(self, group: Group, spent: float) -> None:
        """Take one step along the sum of the gradients of the paths of some architectures."""
        self._train([self._path(arch) for arch in group], spent)

    def train_mixture(self, mixture: Mixture, spent: float) -> None:
        """Take one step on a mixture, whose weights get gradients if they require them."""
        self._train([lambda images: self.network.mix(images, mixture)], spent)  # type: ignore[operator]

    def _path(self, arch: Any) -> Callable[[Tensor], Tensor]:
        return lambda images: self.network(images, arch)

    def _train(self, passes: Sequence[Callable[[Tensor], Tensor]], spent: float) -> None:
        self.descent.step(self.steps, self.rate(spent), self._losses(passes))
        if self.descent.diverged_at(self.steps + 1) is not None:
            raise Diverged(f"the loss was not finite at step {self.steps} of the shared weights")
        self.steps += 1

    def _losses(self, passes: Sequence[Callable[[Tensor], Tensor]]) -> Iterator[Tensor]:
        images, labels = self.problem.training.batch(self.steps)
        for forward in passes:
            yield F.cross_entropy(forward(images), labels)
            self.cost.add(len(labels), backward=1)

    def loss(self, mixture: Mixture, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the cross-entropy of a mixture on a batch, in training mode. Counts a forward and a backward pass."""
        images, labels = batch
        self.cost.add(len(labels), backward=1)
        self.descent.seed_draws(self.steps)
        value: Tensor = F.cross_entropy(self.network.mix(images, mixture), labels)  # type: ignore[operator]
        return value

    def reward(self, arch: object, batch: tuple[Tensor, Tensor]) -> float:
        """Compute the accuracy of a path on one held-out batch, with statistics of the batch."""
        images, labels = batch
        self.cost.add(len(labels))
        with torch.no_grad(), statistics(self.network, "batch"):
            logits: Tensor = self.network(images, arch)
        return float((logits.argmax(1) == labels).float().mean())

    def tensors(self) -> dict[str, Tensor]:
        """Return network and momentum as named tensors."""
        network = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        return network | state_tensors(self.descent.optimizer, "momentum")

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Restore the state of `tensors`."""
        own = {name.removeprefix("network."): value for name, value in tensors.items() if name.startswith("network.")}
        self.network.load_state_dict(own)
        load_state_tensors(self.descent.optimizer, "momentum", tensors)
        self.steps = steps


class Diverged(Exception):  # noqa: N818 (an outcome of a search, not an error of its user)
    """The loss of the shared weights was not finite."""
