"""ProxylessNAS: weights are trained on sampled paths, the architecture on pairs of operations (Cai et al. 2019)."""

import torch
from torch import Tensor

from supernet.config.searches import ProxylessNASOptions
from supernet.nn.mixture import Mixture
from supernet.search.gumbel import gumbel
from supernet.search.relaxation import AdamSystem


class ProxylessNAS(AdamSystem[ProxylessNASOptions]):
    """Uses binary gates: at most two operations of a position are computed at a time."""

    name = "proxylessnas"

    @property
    def warm_up(self) -> float:
        """Share of the budget in which only the weights are trained."""
        return self.options.warm_up

    def mixture(self) -> Mixture:
        """Draw the path of this step by the probabilities of the operations."""
        noise = gumbel(self.rng("path", self.steps), self.alpha)
        return _gates((self.alpha.detach() + noise).argmax(-1, keepdim=True), self.alpha)

    def update_architecture(self) -> None:
        """Draw two operations per position; the gradients of their gates become the gradients of their parameters.

        Both parameters are then shifted, so that the probabilities of the other operations do not change.
        """
        before = self.alpha.detach().clone()
        pair = (before + gumbel(self.rng("pair", self.steps), before)).topk(2, dim=-1).indices
        of_pair = before.gather(-1, pair)
        open_gate = (of_pair + gumbel(self.rng("gate", self.steps), of_pair)).argmax(-1, keepdim=True)
        gates = _gates(pair.gather(-1, open_gate), self.alpha, pair)
        weights = gates.operations.requires_grad_()
        (gradient,) = self.gradients(Mixture(weights, gates.computed), [weights])
        chained = through_binary(gradient.gather(-1, pair), of_pair)
        self.descend((torch.zeros_like(before).scatter(-1, pair, chained),))
        with torch.no_grad():
            after = self.alpha.gather(-1, pair)
            shift = of_pair.logsumexp(-1, keepdim=True) - after.logsumexp(-1, keepdim=True)
            self.alpha.scatter_(-1, pair, after + shift)


def through_binary(gradient: Tensor, alpha: Tensor) -> Tensor:
    """Map gradients (…, n) of gates to gradients of parameters (…, n): sum over j of g_j p_j (d_ij - p_i), eq. 4."""
    p = torch.softmax(alpha, dim=-1)
    return p * (gradient - (gradient * p).sum(-1, keepdim=True))


def _gates(chosen: Tensor, like: Tensor, computed: Tensor | None = None) -> Mixture:
    """Make one-hot weights at `chosen` (…, 1); operations `computed` (…, n), by default the chosen, are executed."""
    hard = torch.zeros_like(like).detach().scatter(-1, chosen, 1.0)
    executed = torch.zeros_like(hard).scatter(-1, chosen if computed is None else computed, 1.0)
    return Mixture(hard, executed.cpu().numpy() > 0)
