"""Random-NAS: random search with weight sharing in two rounds (Li & Talwalkar 2019)."""

from typing import Any

from torch import Tensor

from supernet.config.searches import RandomNASOptions
from supernet.search.pathwise import PathSystem
from supernet.search.problem import Problem
from supernet.training.path_sampling import Group


class RandomNAS(PathSystem[RandomNASOptions]):
    """Paths are uniform over encodings, in training and search.

    The first round looks at one mini-batch of each architecture, until `first_round` of what is left is spent; the
    second scores the best of them in full. Where the laws of a space agree, it is random search with a first round.
    """

    name = "random_nas"

    def __init__(self, problem: Problem, options: RandomNASOptions) -> None:
        super().__init__(problem, options)
        self.glances: dict[str, tuple[float, Any]] = {}
        self._law = "random_nas" if "random_nas" in problem.space.laws else "random_a"

    @property
    def training(self) -> bool:
        """Whether the first part is not over."""
        return super().training and not self.glances

    def group(self) -> Group:
        """A path by encodings."""
        return self.paths(self._law)

    def choose(self) -> None:
        """A glance at an architecture in the first round, a score in the second."""
        share = self.problem.training_share
        if self.spent < share + (1 - share) * self.options.first_round or not self.glances:
            self._glance()
            return
        best = sorted(self.glances, key=lambda arch_id: (-self.glances[arch_id][0], arch_id))
        left = [arch_id for arch_id in best if arch_id not in self.scores.found]
        # All that were looked at are scored: the rest of the budget goes to new ones.
        self.scores.score(self.glances[left[0]][1] if left else self.drawn(self._law), self.weights)

    def _glance(self) -> None:
        arch = self.drawn(self._law)
        accuracy = self.weights.reward(arch, self.problem.held_out.batch(0))
        self.glances[self.problem.space.arch_id(arch)] = accuracy, arch

    def note(self) -> dict[str, Any]:
        """With what the first round saw."""
        space = self.problem.space
        return {**super().note(), "glances": [[space.format(arch), one] for one, arch in self.glances.values()]}

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """With what the first round saw."""
        super().restore(tensors, note)
        space = self.problem.space
        for text, accuracy in note["glances"]:
            arch = space.parse(text)
            self.glances[space.arch_id(arch)] = accuracy, arch
