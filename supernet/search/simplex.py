"""Exponentiated gradients, which keep weights on the simplex (Kivinen & Warmuth 1997)."""

import torch
from torch import Tensor

_SMALLEST = 1e-5
"""Lower bound of the weights before they are normalised (GAEA's code)."""


def exponentiated(weights: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """Return the weights (…, |O|) after one step, normalised over the last dimension."""
    # The constant in the exponents prevents an overflow and cancels when the weights are normalised.
    exponents = -rate * gradient
    scaled = weights * torch.exp(exponents - exponents.amax(-1, keepdim=True))
    scaled = scaled / scaled.sum(-1, keepdim=True)
    kept = scaled.clamp(min=_SMALLEST)
    normalised: Tensor = kept / kept.sum(-1, keepdim=True)
    return normalised
