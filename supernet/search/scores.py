"""The architectures that a search has scored with shared weights, without duplicates."""

import math
from dataclasses import dataclass, field
from typing import Any

from supernet.errors import UserError
from supernet.search.problem import Problem
from supernet.search.random_search import Found
from supernet.search.system import Proposal
from supernet.search.weights import Diverged, SharedWeights


@dataclass
class ScoredArchitectures:
    """Scores by arch_id, in the order in which they were measured.

    `whole` scores on all images of the scoring split, not on the first `scored_images`.
    """

    problem: Problem
    whole: bool = False
    found: dict[str, Found] = field(default_factory=dict)

    def known(self, arch: Any) -> bool:
        """Return whether an architecture has been scored."""
        return self.problem.space.arch_id(arch) in self.found

    def score(self, arch: Any, weights: SharedWeights) -> Found:
        """Return the score of an architecture; a new architecture is measured and counted.

        Raises Diverged if the score is not finite.
        """
        problem = self.problem
        arch_id = problem.space.arch_id(arch)
        if arch_id not in self.found:
            measure = problem.score_whole if self.whole else problem.score
            accuracy, loss = measure(weights.network, arch)
            if not math.isfinite(loss):
                raise Diverged(f"the loss of {arch_id} with the shared weights is not finite")
            self.found[arch_id] = Found(arch_id, arch, accuracy, loss)
            images = problem.whole_images if self.whole else problem.scored_images
            weights.cost.add(images, weights.work.of_path(arch))
            weights.cost.architectures += not self.whole
        return self.found[arch_id]

    def ranked(self) -> list[Found]:
        """Rank the architectures: best accuracy first, then lowest loss."""
        return sorted(self.found.values(), key=lambda one: (-one.accuracy, one.loss, one.arch_id))

    def proposals(self) -> tuple[list[Proposal], int]:
        """Return the ranked architectures with a ground truth, and the number without one that rank above the first.

        If none has a ground truth, all architectures are returned, and the results mark them as unlisted.
        """
        ranked = self.ranked()
        known = [one for one in ranked if self.problem.has_truth(one.arch_id)]
        passed_over = ranked.index(known[0]) if known else 0
        return [Proposal(one.arch, one.accuracy, one.loss) for one in known or ranked], passed_over

    def note(self) -> list[list[Any]]:
        """Return [encoding, accuracy, loss] of each architecture, as JSON."""
        return [[self.problem.space.format(one.arch), one.accuracy, one.loss] for one in self.found.values()]

    def restore(self, note: list[list[Any]]) -> None:
        """Restore the scores of `note`. Raises ValueError for an accuracy out of range, UserError for other texts."""
        space = self.problem.space
        for text, accuracy, loss in note:
            arch = space.parse(text)
            check_accuracy(text, accuracy)
            arch_id = space.arch_id(arch)
            self.found[arch_id] = Found(arch_id, arch, accuracy, loss)


def check_accuracy(text: str, accuracy: float) -> None:
    """Raise ValueError unless the accuracy of an architecture is a fraction."""
    if not 0 <= accuracy <= 1:
        raise ValueError(f"{text}: found the accuracy {accuracy}; expected a fraction")


def made(problem: Problem, choices: tuple[int, ...]) -> Any | None:
    """Return the architecture that choices define; None if they do not define one."""
    try:
        return problem.space.chosen(choices)
    except UserError:
        return None
