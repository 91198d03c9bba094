"""Exponentiated gradients: weights that stay on the simplex (Kivinen & Warmuth 1997)."""

import torch
from torch import Tensor

_SMALLEST = 1e-5
"""Weights are kept above it before they are normalised (GAEA's code)."""


def exponentiated(weights: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """(…, |O|) weights after one step, normalised over the last dimension."""
    # A constant in the exponents falls out when weights are normalised; it keeps them from overflowing.
    exponents = -rate * gradient
    scaled = weights * torch.exp(exponents - exponents.amax(-1, keepdim=True))
    scaled = scaled / scaled.sum(-1, keepdim=True)
    kept = scaled.clamp(min=_SMALLEST)
    normalised: Tensor = kept / kept.sum(-1, keepdim=True)
    return normalised
