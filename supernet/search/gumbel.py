"""Samples of the Gumbel softmax: the concrete distribution of operations at each position."""

import numpy as np
import torch
from torch import Tensor


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
