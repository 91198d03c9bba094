"""GDAS: one sampled operation per position, with straight-through gradients (Dong & Yang 2019)."""

from torch import Tensor

from supernet.config.searches import GDASOptions
from supernet.nn.mixture import Mixture
from supernet.search.gumbel import SampledSystem, relaxed_sample, straight_through


class GDAS(SampledSystem[GDASOptions]):
    """Samples a path, by default a new one for each update; only its operations are computed."""

    name = "gdas"

    @property
    def temperature(self) -> float:
        """Temperature of this step, linear over the budget from `first_temperature` to `last_temperature`."""
        first, last = self.options.first_temperature, self.options.last_temperature
        return first + (last - first) * min(self.spent, 1.0)

    def sample(self, noise: Tensor) -> Mixture:
        """Make the one-hot sample of Gumbel noise, with the gradient of the soft sample."""
        soft = relaxed_sample(self.alpha, noise, self.temperature)
        hard = straight_through(soft)
        return Mixture(hard, hard.detach().cpu().numpy() > 0.5)
