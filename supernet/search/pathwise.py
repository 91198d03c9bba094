"""Systems with two parts: shared weights are trained on paths, then architectures are scored."""

from abc import abstractmethod
from collections.abc import Iterable
from functools import partial
from typing import Any, Generic

from torch import Tensor

from supernet.search.budget import SearchCost
from supernet.search.problem import Problem
from supernet.search.scores import ScoredArchitectures
from supernet.search.system import Options, Proposal, System
from supernet.training.path_sampling import Group, epoch_paths


class PathSystem(System[Options], Generic[Options]):
    """Trains until `training_share` of the budget is spent, then scores one architecture per step.

    At least one architecture is scored, whatever the budget. If scores are of a part of the scoring split, the best
    `finalists` are scored again on all of it, for which the search leaves a part of the budget.
    """

    def __init__(self, problem: Problem, options: Options) -> None:
        super().__init__(problem, options)
        self.scores, self.finals = ScoredArchitectures(problem), ScoredArchitectures(problem, whole=True)
        self._exhausted = False

    @property
    def training(self) -> bool:
        """Whether the system is in the training part."""
        return self.spent < self.problem.training_share and not self.scores.found

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or no architecture is left to score, and the finalists are scored again."""
        return not self.searching and len(self.finals.found) == len(self.finalists())

    @property
    def searching(self) -> bool:
        """Whether the system is in the training part, or has budget and architectures to score."""
        if self.finals.found or self._exhausted:
            return False
        return not self.scores.found or self.spent + self.reserve() < 1

    def finalists(self) -> list[Any]:
        """Return the best architectures so far, which are to be scored again; none if scores are of all images."""
        if self.problem.whole_images == self.problem.scored_images:
            return []
        best, _ = self.scores.proposals()
        return [one.arch for one in best[: self.problem.finalists]]

    def reserve(self) -> float:
        """Return the share of the budget that the finalists need; 0 for a budget of seconds."""
        needed, best = SearchCost(), self.finalists()
        for arch in best:
            needed.add(self.problem.whole_images, self.weights.work.of_path(arch))
        return self.problem.budget.spent(needed)

    @property
    def mean_gradient(self) -> bool:
        """Whether the gradients of the paths of a step are averaged, as in a run: always, except of FairNAS' groups."""
        return True

    @property
    def trained(self) -> float:
        """Share of the training part that is spent."""
        return self.spent / self.problem.training_share

    def step(self) -> None:
        """Train the weights for a step, score an architecture, or score a finalist again."""
        if self.training:
            self.weights.train_paths(self.group(), self.trained, self.mean_gradient)
        elif self.searching:
            before = self.cost.images
            self.choose()
            self._exhausted = self.cost.images == before
        else:
            left = [arch for arch in self.finalists() if not self.finals.known(arch)]
            self.finals.score(left[0], self.weights)

    @abstractmethod
    def group(self) -> Group:
        """Draw the architectures that this step trains."""

    @abstractmethod
    def choose(self) -> None:
        """Choose and score an architecture."""

    def paths(self, law: str) -> Group:
        """Draw the paths of this step by a law of path sampling, as many as a super-net of the study trains at once."""
        problem = self.problem
        return epoch_paths(problem.space, law, problem.seed, self.steps, 1, problem.random_paths)[0]

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
        """Return the scored architectures, best first; if there are finalists, only these."""
        found, self.passed_over = self.scores.proposals()
        return self.finals.proposals()[0] if self.finals.found else found

    def note(self) -> dict[str, Any]:
        """Return the scores as well."""
        return {**super().note(), "scores": self.scores.note(), "finals": self.finals.note()}

    def check(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Check as well that steps are of the training or of the search, and that scores are counted."""
        super().check(tensors, note)
        scored, searched = len(note["scores"]), note["done"] - note["weight_steps"]
        final = len(note["finals"])
        if (
            scored != note["cost"]["architectures"]
            or not scored + final <= searched
            or (searched and not self._began(note))
        ):
            raise ValueError(f"{searched} steps of the search do not agree with {scored} scored architectures")

    def _began(self, note: dict[str, Any]) -> bool:
        """Return whether a note has an architecture that the search has measured."""
        return bool(note["scores"])

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore the scores as well."""
        super().restore(tensors, note)
        self.scores.restore(note["scores"])
        self.finals.restore(note["finals"])
