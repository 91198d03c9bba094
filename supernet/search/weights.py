"""The shared weights of a search: a super-net that is trained on paths or mixtures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
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


@dataclass(frozen=True)
class Pass:
    """A forward pass, its multiply-adds per image, and the operations that it computes at a position, on average."""

    forward: Callable[[Tensor], Tensor]
    macs: int
    operations: float


class Work:
    """Multiply-adds of a super-net for one image, of its paths and of its mixtures, as `Space.cost` counts them."""

    def __init__(self, problem: Problem, partial_channels: int) -> None:
        self._problem, self._paths = problem, dict[Any, int]()
        space = problem.space
        relaxed = space.relaxation is not None
        self._mixtures = space.relaxed_macs(problem.size, problem.side, partial_channels) if relaxed else None

    def of_path(self, arch: Any) -> int:
        """Return the multiply-adds of a path."""
        if arch not in self._paths:
            problem = self._problem
            cost = problem.space.cost(arch, problem.size, problem.side, problem.zero_in_zero_out)
            self._paths[arch] = cost.macs
        return self._paths[arch]

    def of_mixture(self, mixture: Mixture) -> int:
        """Return the multiply-adds of a mixture: those of the operations that it computes, and of all other layers."""
        assert self._mixtures is not None, "only spaces with a relaxation have mixtures"
        others, operations = self._mixtures
        return others + int(operations[self.computed(mixture)].sum())

    @staticmethod
    def computed(mixture: Mixture) -> npt.NDArray[np.bool_]:
        """Return which operations (kinds, positions, |O|) a mixture computes."""
        whole = np.ones(tuple(mixture.operations.shape), dtype=np.bool_)
        return whole if mixture.computed is None else mixture.computed


class SharedWeights:
    """A super-net in training; all its passes are counted in `cost`.

    `steps` is the number of SGD steps so far, and the number of the next training batch. Training raises Diverged if a
    loss is not finite.
    """

    def __init__(self, problem: Problem, cost: SearchCost, partial_channels: int | None = None) -> None:
        """`partial_channels` are those of a relaxed super-net; None for a super-net of paths."""
        self.problem, self.cost, self.steps = problem, cost, 0
        self.work = Work(problem, partial_channels or 1)
        self.network = problem.build() if partial_channels is None else problem.build_relaxed(partial_channels)
        self.descent = Descent(self.network, problem.hyperparameters, problem.seed)
        self.parameters = list(self.descent.parameters.values())
        self.network.train()

    def rate(self, spent: float) -> float:
        """Return the learning rate after this share of the training."""
        hyperparameters = self.problem.hyperparameters
        return cosine(hyperparameters.learning_rate, hyperparameters.final_learning_rate, min(spent, 1.0), 1.0)

    def train_paths(self, group: Group, spent: float, mean: bool = False) -> None:
        """Take one step along the sum, or the mean, of the gradients of the paths of some architectures."""
        self._train([Pass(self._path(arch), self.work.of_path(arch), 1.0) for arch in group], spent, mean)

    def train_mixture(self, mixture: Mixture, spent: float) -> None:
        """Take one step on a mixture, whose weights get gradients if they require them."""
        computed = self.work.computed(mixture).mean() * mixture.operations.shape[-1]
        self._train([Pass(self._mixed(mixture), self.work.of_mixture(mixture), float(computed))], spent)

    def _mixed(self, mixture: Mixture) -> Callable[[Tensor], Tensor]:
        return lambda images: self.network.mix(images, mixture)  # type: ignore[operator]

    def _path(self, arch: Any) -> Callable[[Tensor], Tensor]:
        return lambda images: self.network(images, arch)

    def _train(self, passes: Sequence[Pass], spent: float, mean: bool = False) -> None:
        self.descent.step(self.steps, self.rate(spent), self._losses(passes, mean))
        if self.descent.diverged_at(self.steps + 1) is not None:
            raise Diverged(f"the loss was not finite at step {self.steps} of the shared weights")
        self.steps += 1

    def _losses(self, passes: Sequence[Pass], mean: bool) -> Iterator[Tensor]:
        images, labels = self.problem.training.batch(self.steps)
        for one in passes:
            loss = F.cross_entropy(self._logits(one.forward, images), labels)
            yield loss / len(passes) if mean else loss
            self.cost.add(len(labels), one.macs, backward=1)
            self.cost.trained += one.operations * len(labels)

    def _logits(self, forward: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Compute logits in the precision of training, as float32."""
        reduced = self.problem.precision == "bfloat16"
        with torch.autocast(images.device.type, torch.bfloat16, enabled=reduced):
            logits = forward(images)
        return logits.float() if reduced else logits

    def loss(self, mixture: Mixture, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the cross-entropy of a mixture on a batch, in training mode. Counts a forward and a backward pass."""
        images, labels = batch
        self.cost.add(len(labels), self.work.of_mixture(mixture), backward=1)
        self.descent.seed_draws(self.steps)
        return F.cross_entropy(self._logits(self._mixed(mixture), images), labels)

    def reward(self, arch: object, batch: tuple[Tensor, Tensor]) -> float:
        """Compute the accuracy of a path on one held-out batch, with statistics of the batch."""
        images, labels = batch
        self.cost.add(len(labels), self.work.of_path(arch))
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
