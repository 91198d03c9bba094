"""FairNAS: evolution on a super-net whose operations are all trained equally often (Chu et al. 2021).

The groups are drawn by `supernet.training.path_sampling.epoch_paths` and each space's `fair_groups`.
"""

from supernet.config.searches import Evolution
from supernet.search.evolution import EvolutionSystem
from supernet.training.path_sampling import Group


class FairNAS(EvolutionSystem[Evolution]):
    """Trains a group of |O| paths per step; their gradients are combined as in the study's FairNAS runs.

    The paper's evolution has several objectives; here accuracy is the only one, as in all other systems.
    """

    name = "fairnas"

    @property
    def mean_gradient(self) -> bool:
        """Whether the gradients of a group are averaged instead of summed."""
        return self.problem.fairnas_gradient == "mean"

    def group(self) -> Group:
        """Draw paths that use every operation of every position once."""
        return self.paths("fairnas")
