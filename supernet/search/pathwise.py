"""Systems in two parts: shared weights are trained on paths, then architectures are chosen by their scores."""

from abc import abstractmethod
from collections.abc import Iterable
from functools import partial
from typing import Any, Generic

from torch import Tensor

from supernet.search.problem import Problem
from supernet.search.scores import ScoredArchitectures
from supernet.search.system import Options, Proposal, System
from supernet.training.path_sampling import Group, epoch_paths


class PathSystem(System[Options], Generic[Options]):
    """Trains until `training_share` of the budget is spent; scores one architecture a step from then on.

    At least one architecture is scored, whatever the budget.
    """

    def __init__(self, problem: Problem, options: Options) -> None:
        super().__init__(problem, options)
        self.scores = ScoredArchitectures(problem)
        self._exhausted = False

    @property
    def training(self) -> bool:
        """Whether the first part is not over."""
        return self.spent < self.problem.training_share and not self.scores.found

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or nothing is left to score."""
        return self._exhausted or (self.spent >= 1 and bool(self.scores.found))

    @property
    def trained(self) -> float:
        """The share of the first part that is over."""
        return self.spent / self.problem.training_share

    def step(self) -> None:
        """A training step, or the score of an architecture."""
        if self.training:
            self.weights.train_paths(self.group(), self.trained)
        else:
            before = self.cost.images
            self.choose()
            self._exhausted = self.cost.images == before

    @abstractmethod
    def group(self) -> Group:
        """The architectures that this step trains."""

    @abstractmethod
    def choose(self) -> None:
        """Score an architecture."""

    def paths(self, law: str) -> Group:
        """The paths of this step by a law of path sampling; one of the space."""
        return epoch_paths(self.problem.space, law, self.problem.seed, self.steps, 1)[0]

    def drawn(self, law: str = "random_a") -> Any:
        """An architecture that has not been scored; a known one if chance finds no other.

        By `random_a` one of those with a ground truth, else one of the space by its law.
        """
        draw = self.problem.draw if law == "random_a" else partial(self.problem.space.sample, law=law)
        rng = self.rng("draw", self.steps)
        for _ in range(1_000):
            found: Iterable[Any] = draw(rng, count=1)
            arch = next(iter(found))
            if not self.scores.known(arch):
                break
        return arch

    def proposals(self) -> list[Proposal]:
        """The scored architectures."""
        found, self.passed_over = self.scores.proposals()
        return found

    def note(self) -> dict[str, Any]:
        """With the scores."""
        return {**super().note(), "scores": self.scores.note()}

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """With the scores."""
        super().restore(tensors, note)
        self.scores.restore(note["scores"])
