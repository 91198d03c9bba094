"""SNAS: architecture and weights descend together on samples of the concrete distribution (Xie et al. 2019)."""

from supernet.config.searches import SNASOptions
from supernet.nn.mixture import Mixture
from supernet.search.gumbel import gumbel, relaxed_sample
from supernet.search.relaxation import AdamSystem


class SNAS(AdamSystem[SNASOptions]):
    """One loss, that of the training batch, for both; held-out images are not used. No resource penalty."""

    name = "snas"

    @property
    def temperature(self) -> float:
        """Geometric over the budget."""
        first, last = self.options.first_temperature, self.options.last_temperature
        return float(first * (last / first) ** min(self.spent, 1.0))

    def mixture(self) -> Mixture:
        """The soft sample of this step."""
        noise = gumbel(self.rng("gumbel", self.steps), self.alpha)
        return Mixture(relaxed_sample(self.alpha, noise, self.temperature))

    def step(self) -> None:
        """One backward pass gives both gradients."""
        self.weights.train_mixture(self.mixture(), self.spent)
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
