"""FairNAS: evolution on a super-net all of whose operations are trained equally often (Chu et al. 2021)."""

from supernet.config.searches import Evolution
from supernet.search.evolution import EvolutionSystem
from supernet.training.path_sampling import Group


class FairNAS(EvolutionSystem[Evolution]):
    """A group of |O| paths a step, whose gradients are summed.

    The paper's evolution has several objectives; here there is accuracy alone, as for all other systems.
    """

    name = "fairnas"

    def group(self) -> Group:
        """Paths that use every operation of every position once."""
        return self.paths("fairnas")
