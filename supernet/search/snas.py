"""SNAS: joint steps of architecture and weights on samples of the concrete distribution (Xie et al. 2019)."""

from supernet.config.searches import SNASOptions
from supernet.nn.mixture import Mixture
from supernet.search.gumbel import gumbel, relaxed_sample
from supernet.search.relaxation import AdamSystem


class SNAS(AdamSystem[SNASOptions]):
    """Uses one loss for both, that of the training batch, and no held-out images. There is no resource penalty."""

    name = "snas"

    @property
    def temperature(self) -> float:
        """Temperature of this step, geometric over the budget from `first_temperature` to `last_temperature`."""
        first, last = self.options.first_temperature, self.options.last_temperature
        return float(first * (last / first) ** min(self.spent, 1.0))

    def mixture(self) -> Mixture:
        """Draw the soft sample of this step."""
        noise = gumbel(self.rng("gumbel", self.steps), self.alpha)
        return Mixture(relaxed_sample(self.alpha, noise, self.temperature))

    def step(self) -> None:
        """Update weights and architecture with the gradients of one backward pass."""
        self.weights.train_mixture(self.mixture(), self.spent)
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
