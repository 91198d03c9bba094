"""The paper's random search as a search system: train with the baseline's path sampling, score, rank (Sec. 4)."""

from supernet.config.searches import RandomSearch
from supernet.search.pathwise import PathSystem
from supernet.training.path_sampling import Group


class RandomPaths(PathSystem[RandomSearch]):
    """Trains its own super-net; scores uniform architectures until the budget is spent."""

    name = "random_search"

    @property
    def mean_gradient(self) -> bool:
        """Whether the gradients of the paths of a step are averaged: depends on the law of the baseline."""
        return self.problem.law != "fairnas" or self.problem.fairnas_gradient == "mean"

    def group(self) -> Group:
        """Draw paths by the law of the baseline."""
        return self.paths(self.problem.law)

    def choose(self) -> None:
        """Score another architecture."""
        self.scores.score(self.drawn(), self.weights)
