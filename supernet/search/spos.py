"""SPOS: evolution on a super-net trained on uniform single paths (Guo et al. 2020)."""

from supernet.config.searches import Evolution
from supernet.search.evolution import EvolutionSystem
from supernet.training.path_sampling import Group


class SPOS(EvolutionSystem[Evolution]):
    """Trains one path per step, uniform over the architectures of the space."""

    name = "spos"

    def group(self) -> Group:
        """Draw one uniform architecture."""
        return self.paths("random_a")
