"""Samples of the Gumbel soft-max: the concrete distribution of operations at each position."""

import numpy as np
import torch
from torch import Tensor


def gumbel(rng: np.random.Generator, like: Tensor) -> Tensor:
    """Standard Gumbel noise of the shape, type and device of a tensor."""
    return torch.from_numpy(rng.gumbel(size=tuple(like.shape))).to(like.device, like.dtype)


def relaxed_sample(alpha: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """(…, |O|) weights that sum to 1, the closer to one-hot the colder; differentiable in `alpha`.

    alpha are logits; log-probabilities differ from them by a constant, which the soft-max does not see.
    """
    return torch.softmax((alpha + noise) / temperature, dim=-1)


def straight_through(soft: Tensor) -> Tensor:
    """One-hot at the largest weight in the forward pass, with the gradient of the soft weights."""
    hard = torch.zeros_like(soft).scatter(-1, soft.argmax(-1, keepdim=True), 1.0)
    return hard + (soft - soft.detach())
