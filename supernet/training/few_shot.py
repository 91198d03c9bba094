"""Few-shot super-nets: one for a share of the training, then one for each operation of a position."""

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from supernet.training.sgd import SGD


class FewShot(nn.Module):
    """A path network `net(images, arch)` of several, of which each architecture uses that of its branch.

    Source: Zhao, Wang, Tian, Fonseca, Guo, "Few-shot Neural Architecture Search", ICML 2021. A sub-super-net serves
    the architectures with one operation at one position, so that fewer of them share its weights; it starts with the
    weights of a super-net of the whole space. There that one and the sub-super-nets are each trained in full, and the
    position is drawn at random or several are split; here the position is fixed for a space, and one budget of steps
    is divided, so that a run costs as many passes as any other. `parameters()` are those of all branches.
    """

    def __init__(self, network: nn.Module, branches: int, branch: Callable[[Any], int]) -> None:
        """`branches` copies of a network; `branch` tells the number of an architecture's own."""
        super().__init__()
        self.networks = nn.ModuleList([network, *(copy.deepcopy(network) for _ in range(branches - 1))])
        self.branch = branch
        self.shared = False

    def forward(self, images: Tensor, arch: Any) -> Tensor:
        """(N, C, H, W) images and an architecture to (N, classes) logits; all by the first network if `shared`."""
        logits: Tensor = self.networks[0 if self.shared else self.branch(arch)](images, arch)
        return logits

    def split(self, optimizer: SGD) -> None:
        """Copy the first network's weights, statistics and momentum to the others, and share no longer."""
        first, *others = self.networks
        for other in others:
            other.load_state_dict(first.state_dict())
            for source, target in zip(first.parameters(), other.parameters(), strict=True):
                momentum = optimizer.state.get(source, {}).get("momentum_buffer")
                if momentum is not None:
                    optimizer.state[target]["momentum_buffer"] = momentum.clone()
        self.shared = False


class SplitStep:
    """What a trainer does before each step: share up to step `at`, and split there.

    A function of the step: a training that goes on after the split finds it done, as its weights are.
    """

    def __init__(self, network: FewShot, at: int) -> None:
        self.network, self.at = network, at

    def __call__(self, step: int, optimizer: SGD) -> None:
        """Before the step of this number, from 0."""
        if step == self.at:
            self.network.split(optimizer)
        self.network.shared = step < self.at
