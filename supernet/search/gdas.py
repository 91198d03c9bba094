"""GDAS: one sampled operation per position, with straight-through gradients (Dong & Yang 2019)."""

from supernet.config.searches import GDASOptions
from supernet.nn.mixture import Mixture
from supernet.search.gumbel import gumbel, relaxed_sample, straight_through
from supernet.search.relaxation import AdamSystem


class GDAS(AdamSystem[GDASOptions]):
    """Samples one path per step for both updates; only its operations are computed."""

    name = "gdas"

    @property
    def temperature(self) -> float:
        """Temperature of this step, linear over the budget from `first_temperature` to `last_temperature`."""
        first, last = self.options.first_temperature, self.options.last_temperature
        return first + (last - first) * min(self.spent, 1.0)

    def mixture(self) -> Mixture:
        """Draw the one-hot sample of this step."""
        noise = gumbel(self.rng("gumbel", self.steps), self.alpha)
        soft = relaxed_sample(self.alpha, noise, self.temperature)
        hard = straight_through(soft)
        return Mixture(hard, hard.detach().cpu().numpy() > 0.5)
