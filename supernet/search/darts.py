"""DARTS: alternating steps of architecture and weights, with first- or second-order gradients (Liu et al. 2019)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from supernet.config.searches import AdamOptions
from supernet.nn.mixture import Mixture
from supernet.search.relaxation import AdamSystem

_PERTURBATION = 0.01
"""Step of the weights along the validation gradient, divided by its norm (DARTS)."""


class FirstOrderDARTS(AdamSystem[AdamOptions]):
    """DARTS with the gradient of the held-out loss at the current weights (xi = 0)."""

    name = "darts_1st"

    def mixture(self) -> Mixture:
        """Return the softmax of the architecture parameters."""
        return Mixture(torch.softmax(self.alpha, dim=-1))


class SecondOrderDARTS(FirstOrderDARTS):
    """DARTS with the gradient of the held-out loss after the next step of the weights."""

    name = "darts_2nd"

    def update_architecture(self) -> None:
        """Take a step of Adam along the approximate gradient through a step of the weights."""
        training, held_out = self.problem.training.batch(self.weights.steps), self.held_out()
        weights, hyperparameters = self.weights, self.problem.hyperparameters
        buffers = [weights.descent.optimizer.state.get(one, {}).get("momentum_buffer") for one in weights.parameters]
        gradient = hypergradient(
            lambda: weights.loss(self.mixture(), training),
            lambda: weights.loss(self.mixture(), held_out),
            weights.parameters,
            self.alpha,
            weights.rate(self.spent),
            lambda number: (
                hyperparameters.weight_decay * weights.parameters[number].detach()
                + (0 if (buffer := buffers[number]) is None else hyperparameters.momentum * buffer)
            ),
        )
        self.descend((gradient,))


def hypergradient(
    training: Callable[[], Tensor],
    held_out: Callable[[], Tensor],
    weights: Sequence[Tensor],
    alpha: Tensor,
    rate: float,
    constant: Callable[[int], Tensor],
) -> Tensor:
    """Compute d/d alpha of the held-out loss at w' = w - rate (grad training + constant), DARTS' equations 6 to 8.

    The product with the mixed second derivative is a central difference of two gradients. `constant(number)` is the
    part of the step of weight `number` that does not depend on `alpha`: weight decay and momentum. The weights are
    restored at the end.
    """
    before = [weight.detach().clone() for weight in weights]
    first = torch.autograd.grad(training(), weights, allow_unused=True)
    with torch.no_grad():
        for number, (weight, gradient) in enumerate(zip(weights, first, strict=True)):
            if gradient is not None:
                weight.sub_(rate * (gradient + constant(number)))
    direct, *vector = torch.autograd.grad(held_out(), [alpha, *weights], allow_unused=True)
    known = [torch.zeros_like(weight) if part is None else part for weight, part in zip(weights, vector, strict=True)]
    step = _PERTURBATION / max(float(torch.cat([part.flatten() for part in known]).norm()), 1e-12)
    sides = []
    for sign in (1, -1):
        with torch.no_grad():
            for weight, origin, part in zip(weights, before, known, strict=True):
                weight.copy_(origin + sign * step * part)
        sides.append(torch.autograd.grad(training(), alpha)[0])
    with torch.no_grad():
        for weight, origin in zip(weights, before, strict=True):
            weight.copy_(origin)
    result: Tensor = direct - rate * (sides[0] - sides[1]) / (2 * step)
    return result
