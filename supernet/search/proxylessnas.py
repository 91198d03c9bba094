"""ProxylessNAS: weights are trained on sampled paths, the architecture on pairs of operations (Cai et al. 2019)."""

import torch
from torch import Tensor

from supernet.config.searches import ProxylessNASOptions
from supernet.nn.mixture import Mixture
from supernet.search.gumbel import gumbel
from supernet.search.relaxation import AdamSystem


class ProxylessNAS(AdamSystem[ProxylessNASOptions]):
    """Binary gates: at most two operations of a position are computed at a time."""

    name = "proxylessnas"

    @property
    def warm_up(self) -> float:
        """The share of the budget that trains weights alone."""
        return self.options.warm_up

    def mixture(self) -> Mixture:
        """The path of this step, drawn by the probabilities."""
        noise = gumbel(self.rng("path", self.steps), self.alpha)
        return _gates((self.alpha.detach() + noise).argmax(-1, keepdim=True), self.alpha)

    def update_architecture(self) -> None:
        """Two operations a position are drawn; the gradients of their gates become those of their parameters.

        Both parameters are then shifted, so that the probabilities of the other operations stay.
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
    """Gradients (…, n) of binary gates to those of parameters (…, n): sum of g_j p_j (d_ij - p_i) over j (eq. 4)."""
    p = torch.softmax(alpha, dim=-1)
    return p * (gradient - (gradient * p).sum(-1, keepdim=True))


def _gates(chosen: Tensor, like: Tensor, computed: Tensor | None = None) -> Mixture:
    """One-hot weights at `chosen` (…, 1), of which the operations `computed` (…, n), or the chosen, are executed."""
    hard = torch.zeros_like(like).detach().scatter(-1, chosen, 1.0)
    executed = torch.zeros_like(hard).scatter(-1, chosen if computed is None else computed, 1.0)
    return Mixture(hard, executed.cpu().numpy() > 0)
