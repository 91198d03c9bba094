"""Samples of the Gumbel softmax: the concrete distribution of operations at each position."""

from abc import abstractmethod
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from supernet.config.searches import SampledOptions
from supernet.nn.mixture import Mixture
from supernet.search.relaxation import AdamSystem

_Options = TypeVar("_Options", bound=SampledOptions)


def gumbel(rng: np.random.Generator, like: Tensor) -> Tensor:
    """Draw standard Gumbel noise of the shape, type and device of a tensor."""
    return torch.from_numpy(rng.gumbel(size=tuple(like.shape))).to(like.device, like.dtype)


def relaxed_sample(alpha: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """Compute weights (…, |O|) that sum to 1, closer to one-hot at lower temperature; differentiable in `alpha`.

    `alpha` are logits. Log-probabilities differ from them by a constant, to which the softmax is invariant.
    """
    return torch.softmax((alpha + noise) / temperature, dim=-1)


def straight_through(soft: Tensor) -> Tensor:
    """Return one-hot weights at the largest soft weight, with the gradient of the soft weights."""
    hard = torch.zeros_like(soft).scatter(-1, soft.argmax(-1, keepdim=True), 1.0)
    return hard + (soft - soft.detach())


class SampledSystem(AdamSystem[_Options], Generic[_Options]):
    """A system that alternates updates of architecture and weights, both on Gumbel samples."""

    @abstractmethod
    def sample(self, noise: Tensor) -> Mixture:
        """Make the sample of Gumbel noise (kinds, positions, |O|), differentiable in `alpha`."""

    def mixture(self) -> Mixture:
        """Draw the sample on which the architecture is updated."""
        return self.sample(gumbel(self.rng("gumbel", self.steps), self.alpha))

    def mixture_of_weights(self) -> Mixture:
        """Draw the sample on which the weights are updated: another one, unless the options ask for one per step."""
        if self.options.samples == "one_per_step":
            return self.mixture()
        return self.sample(gumbel(self.rng("gumbel_of_weights", self.steps), self.alpha))
