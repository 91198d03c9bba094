"""XNAS: operations are experts with exponentiated weights; weak experts are wiped out (Nayman et al. 2019)."""

import math

import torch
from torch import Tensor

from supernet.config.searches import XNASOptions
from supernet.nn.mixture import Mixture
from supernet.search.budget import BACKWARD
from supernet.search.relaxation import RelaxedSystem


class XNAS(RelaxedSystem[XNASOptions]):
    """`alpha` are the logarithms of the experts' weights, -inf for experts that are wiped out."""

    name = "xnas"

    def initial(self, shape: tuple[int, ...]) -> Tensor:
        """Return equal weights."""
        return torch.zeros(shape)

    def mixture(self) -> Mixture:
        """Return weights that sum to 1; operations that are wiped out are not computed."""
        with torch.no_grad():
            alive = torch.isfinite(self.alpha).cpu().numpy()
        return Mixture(torch.softmax(self.alpha.detach(), dim=-1).requires_grad_(), alive)

    def update_architecture(self) -> None:
        """Take an exponentiated step along the rewards, then wipe out weak experts."""
        mixture = self.mixture()
        (gradient,) = self.gradients(mixture, [mixture.operations])
        steps, bound = self.expected_steps(), self.options.bound
        rate = learning_rate(len(self.problem.space.operations), steps, bound)
        with torch.no_grad():
            self.alpha.add_(rate * (-gradient).clamp(-bound, bound))
            left = steps * max(0.0, 1 - self.spent)
            self.alpha.copy_(wiped_out(self.alpha, rate, bound, left))

    def expected_steps(self) -> float:
        """Estimate the updates of the whole budget: two batches each, or, for seconds, at the speed so far.

        In multiply-adds: at the cost of the operations that are left.
        """
        problem, batches = self.problem, self.problem.training.size + self.problem.held_out.size
        budget = problem.budget
        if budget.images is not None:
            return budget.images / batches
        if budget.multiply_adds is not None:
            update = (1 + BACKWARD) * batches * self.weights.work.of_mixture(self.mixture())
            return budget.multiply_adds / update
        return max(1.0, (self.steps + 1) / max(self.spent, 1e-3))

    def strengths(self) -> Tensor:
        """Return the weights."""
        return torch.softmax(self.alpha, dim=-1)


def learning_rate(experts: int, steps: float, bound: float) -> float:
    """Return the learning rate that minimises the bound of the regret."""
    return math.sqrt(2 * math.log(experts) / steps) / bound


def wiped_out(logs: Tensor, rate: float, bound: float, left: float) -> Tensor:
    """Set log-weights (…, |O|) to -inf where the remaining steps cannot make the weight the largest.

    A step changes the ratio of two weights by at most exp(2 · rate · bound).
    """
    behind = logs.amax(-1, keepdim=True) - logs
    return logs.masked_fill(behind > 2 * rate * bound * left, -torch.inf)
