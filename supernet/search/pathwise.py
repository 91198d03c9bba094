"""Systems with two parts: shared weights are trained on paths, then architectures are scored."""

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
    """Trains until `training_share` of the budget is spent, then scores one architecture per step.

    At least one architecture is scored, whatever the budget.
    """

    def __init__(self, problem: Problem, options: Options) -> None:
        super().__init__(problem, options)
        self.scores = ScoredArchitectures(problem)
        self._exhausted = False

    @property
    def training(self) -> bool:
        """Whether the system is in the training part."""
        return self.spent < self.problem.training_share and not self.scores.found

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or no architecture is left to score."""
        return self._exhausted or (self.spent >= 1 and bool(self.scores.found))

    @property
    def trained(self) -> float:
        """Share of the training part that is spent."""
        return self.spent / self.problem.training_share

    def step(self) -> None:
        """Train the weights for a step, or score an architecture."""
        if self.training:
            self.weights.train_paths(self.group(), self.trained)
        else:
            before = self.cost.images
            self.choose()
            self._exhausted = self.cost.images == before

    @abstractmethod
    def group(self) -> Group:
        """Draw the architectures that this step trains."""

    @abstractmethod
    def choose(self) -> None:
        """Choose and score an architecture."""

    def paths(self, law: str) -> Group:
        """Draw the paths of this step by a law of path sampling of the space."""
        return epoch_paths(self.problem.space, law, self.problem.seed, self.steps, 1)[0]

    def drawn(self, law: str = "random_a") -> Any:
        """Draw an architecture that has not been scored; a scored one if 1000 draws find no other.

        `random_a` draws architectures with a ground truth; other laws draw from the whole space.
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
        """Return the scored architectures, best first."""
        found, self.passed_over = self.scores.proposals()
        return found

    def note(self) -> dict[str, Any]:
        """Return the scores as well."""
        return {**super().note(), "scores": self.scores.note()}

    def check(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Check as well that steps are of the training or of the search, and that scores are counted."""
        super().check(tensors, note)
        scored, searched = len(note["scores"]), note["done"] - note["weight_steps"]
        if scored != note["cost"]["architectures"] or not scored <= searched or (searched and not self._began(note)):
            raise ValueError(f"{searched} steps of the search do not agree with {scored} scored architectures")

    def _began(self, note: dict[str, Any]) -> bool:
        """Return whether a note has an architecture that the search has measured."""
        return bool(note["scores"])

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore the scores as well."""
        super().restore(tensors, note)
        self.scores.restore(note["scores"])
