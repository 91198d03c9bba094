"""Random search on a super-net of its own (paper, Sec. 4): train by the baseline's path sampling, score, rank."""

from supernet.config.searches import RandomSearch
from supernet.search.pathwise import PathSystem
from supernet.training.path_sampling import Group


class RandomPaths(PathSystem[RandomSearch]):
    """The paper's system under the budget of the others: uniform architectures are scored until it is spent."""

    name = "random_search"

    def group(self) -> Group:
        """The paths of the baseline's law."""
        return self.paths(self.problem.law)

    def choose(self) -> None:
        """Score another one."""
        self.scores.score(self.drawn(), self.weights)
