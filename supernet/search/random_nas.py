"""Random-NAS: random search with weight sharing in two rounds (Li & Talwalkar 2019)."""

from typing import Any

from torch import Tensor

from supernet.config.searches import RandomNASOptions
from supernet.search.pathwise import PathSystem
from supernet.search.problem import Problem
from supernet.search.scores import check_accuracy
from supernet.training.path_sampling import Group


class RandomNAS(PathSystem[RandomNASOptions]):
    """Paths are uniform over encodings, in training and in search.

    The first round evaluates each architecture on one mini-batch, until `first_round` of the search budget is spent;
    the second round scores the best of them in full. In a space where both sampling laws agree, this is random search
    with an additional first round.
    """

    name = "random_nas"

    def __init__(self, problem: Problem, options: RandomNASOptions) -> None:
        super().__init__(problem, options)
        self.glances: dict[str, tuple[float, Any]] = {}
        self._law = "random_nas" if "random_nas" in problem.space.laws else "random_a"

    @property
    def training(self) -> bool:
        """Whether the system is in the training part."""
        return super().training and not self.glances

    def group(self) -> Group:
        """Draw a path, uniform over encodings."""
        return self.paths(self._law)

    def choose(self) -> None:
        """Evaluate an architecture on one batch in the first round, and score one in the second."""
        share = self.problem.training_share
        if self.spent < share + (1 - share) * self.options.first_round or not self.glances:
            self._glance()
            return
        best = sorted(self.glances, key=lambda arch_id: (-self.glances[arch_id][0], arch_id))
        left = [arch_id for arch_id in best if arch_id not in self.scores.found]
        # When all architectures of the first round are scored, the rest of the budget is spent on new ones.
        self.scores.score(self.glances[left[0]][1] if left else self.drawn(self._law), self.weights)

    def _glance(self) -> None:
        arch = self.drawn(self._law)
        accuracy = self.weights.reward(arch, self.problem.held_out.batch(0))
        self.glances[self.problem.space.arch_id(arch)] = accuracy, arch

    def note(self) -> dict[str, Any]:
        """Return the accuracies of the first round as well."""
        space = self.problem.space
        return {**super().note(), "glances": [[space.format(arch), one] for one, arch in self.glances.values()]}

    def _began(self, note: dict[str, Any]) -> bool:
        return bool(note["scores"] or note["glances"])

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore the accuracies of the first round as well."""
        super().restore(tensors, note)
        space = self.problem.space
        for text, accuracy in note["glances"]:
            arch = space.parse(text)
            check_accuracy(text, accuracy)
            self.glances[space.arch_id(arch)] = accuracy, arch
