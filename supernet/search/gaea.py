"""GAEA: architecture weights on the simplex, trained by exponentiated gradients (Li et al. 2021, Alg. 1)."""

import torch
from torch import Tensor

from supernet.config.searches import GAEAOptions
from supernet.nn.mixture import Mixture
from supernet.search.relaxation import RelaxedSystem
from supernet.search.simplex import exponentiated


class GAEA(RelaxedSystem[GAEAOptions]):
    """`alpha` are the weights themselves, uniform at the start. The rest is DARTS' first-order bilevel scheme."""

    name = "gaea"

    def initial(self, shape: tuple[int, ...]) -> Tensor:
        """Return uniform weights."""
        return torch.full(shape, 1 / shape[-1])

    def mixture(self) -> Mixture:
        """Return the weights."""
        return Mixture(self.alpha)

    def update_architecture(self) -> None:
        """Take an exponentiated-gradient step on the held-out loss."""
        (gradient,) = self.gradients(self.mixture(), [self.alpha])
        with torch.no_grad():
            self.alpha.copy_(exponentiated(self.alpha, gradient, self.options.learning_rate))

    def strengths(self) -> Tensor:
        """Return the weights."""
        return self.alpha
