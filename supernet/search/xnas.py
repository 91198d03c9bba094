"""XNAS: operations are experts whose weights grow exponentially; hopeless ones are wiped out (Nayman et al. 2019)."""

import math

import torch
from torch import Tensor

from supernet.config.searches import XNASOptions
from supernet.nn.mixture import Mixture
from supernet.search.relaxation import RelaxedSystem


class XNAS(RelaxedSystem[XNASOptions]):
    """`alpha` are the logarithms of the experts' weights, -inf for those that are wiped out."""

    name = "xnas"

    def initial(self, shape: tuple[int, ...]) -> Tensor:
        """Equal weights."""
        return torch.zeros(shape)

    def mixture(self) -> Mixture:
        """Weights that sum to 1; what is wiped out is not computed."""
        with torch.no_grad():
            alive = torch.isfinite(self.alpha).cpu().numpy()
        return Mixture(torch.softmax(self.alpha.detach(), dim=-1).requires_grad_(), alive)

    def update_architecture(self) -> None:
        """An exponentiated step along the rewards, then the wipe-out."""
        mixture = self.mixture()
        (gradient,) = self.gradients(mixture, [mixture.operations])
        steps, bound = self.expected_steps(), self.options.bound
        rate = learning_rate(len(self.problem.space.operations), steps, bound)
        with torch.no_grad():
            self.alpha.add_(rate * (-gradient).clamp(-bound, bound))
            left = steps * max(0.0, 1 - self.spent)
            self.alpha.copy_(wiped_out(self.alpha, rate, bound, left))

    def expected_steps(self) -> float:
        """Updates in the whole budget: two batches each, or, in seconds, as fast as so far."""
        budget = self.problem.budget
        if budget.images is not None:
            return budget.images / (self.problem.training.size + self.problem.held_out.size)
        return max(1.0, (self.steps + 1) / max(self.spent, 1e-3))

    def strengths(self) -> Tensor:
        """The weights."""
        return torch.softmax(self.alpha, dim=-1)


def learning_rate(experts: int, steps: float, bound: float) -> float:
    """The rate that makes the bound of the regret smallest."""
    return math.sqrt(2 * math.log(experts) / steps) / bound


def wiped_out(logs: Tensor, rate: float, bound: float, left: float) -> Tensor:
    """(…, |O|) logarithms of weights; -inf where no rewards of the steps that are left could make one the largest.

    A step changes the ratio of two weights by exp(2 · rate · bound) at most.
    """
    behind = logs.amax(-1, keepdim=True) - logs
    return logs.masked_fill(behind > 2 * rate * bound * left, -torch.inf)
