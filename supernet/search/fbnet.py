"""FBNet: soft Gumbel samples at a falling temperature, after a warm-up of the weights (Wu et al. 2019)."""

import math

from torch import Tensor

from supernet.config.searches import FBNetOptions
from supernet.nn.mixture import Mixture
from supernet.search.gumbel import SampledSystem, relaxed_sample


class FBNet(SampledSystem[FBNetOptions]):
    """DARTS' alternating steps with Gumbel samples. The latency term of the loss is left out: budgets count images."""

    name = "fbnet"

    @property
    def warm_up(self) -> float:
        """Share of the budget in which only the weights are trained."""
        return self.options.warm_up

    @property
    def temperature(self) -> float:
        """Temperature, which falls exponentially over the epochs that the budget represents, down to the floor."""
        options = self.options
        epoch = math.floor(options.epochs * min(self.spent, 1.0))
        return max(options.floor, options.first_temperature * math.exp(-options.decay * epoch))

    def sample(self, noise: Tensor) -> Mixture:
        """Make the soft sample of Gumbel noise."""
        return Mixture(relaxed_sample(self.alpha, noise, self.temperature))
