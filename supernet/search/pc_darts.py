"""PC-DARTS: a share of the channels passes through the operations, and edges have weights (Xu et al. 2020)."""

from typing import Any

import torch
from torch import Tensor

from supernet.config.searches import PCDARTSOptions
from supernet.nn.mixture import Mixture
from supernet.search.relaxation import INITIAL, AdamSystem


class PCDARTS(AdamSystem[PCDARTSOptions]):
    """First-order DARTS on 1/K of the channels, with edge normalisation and a warm-up of the weights."""

    name = "pc_darts"

    def _partial(self) -> int:
        return self.options.partial_channels

    @property
    def warm_up(self) -> float:
        """Share of the budget in which only the weights are trained."""
        return self.options.warm_up

    def more_parameters(self) -> list[Tensor]:
        """Return the parameters of edges (kinds, positions)."""
        normal = self.rng("edges").standard_normal(tuple(self.alpha.shape[:2]))
        return [(INITIAL * torch.from_numpy(normal).float()).to(self.alpha.device).requires_grad_()]

    @property
    def beta(self) -> Tensor:
        """Parameters of edges (kinds, positions)."""
        return self.trained[1]

    def edges(self) -> Tensor:
        """Compute the softmax (kinds, positions) over the edges into each node (edge normalisation)."""
        return softmax_by_target(self.beta, self.problem.space.targets)

    def mixture(self) -> Mixture:
        """Return the softmax over operations and over edges."""
        return Mixture(torch.softmax(self.alpha, dim=-1), positions=self.edges())

    def strengths(self) -> Tensor:
        """Return the probabilities of operations times the weights of their edges."""
        return torch.softmax(self.alpha, dim=-1) * self.edges()[..., None]

    def tensors(self) -> dict[str, Tensor]:
        """Return the parameters of edges as well."""
        return super().tensors() | {"beta": self.beta.detach()}

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore the parameters of edges as well."""
        super().restore(tensors, note)
        with torch.no_grad():
            self.beta.copy_(tensors["beta"])


def softmax_by_target(values: Tensor, targets: tuple[int, ...]) -> Tensor:
    """Map values (kinds, positions) to weights that sum to 1 over the positions of each target node."""
    index = torch.tensor(targets, device=values.device)
    scaled = torch.exp(values - values.amax(-1, keepdim=True))
    sums = scaled.new_zeros(len(values), max(targets) + 1).index_add(1, index, scaled)
    return scaled / sums[:, index]
