"""Few-shot super-nets: one super-net for a share of the training, then one per operation of a fixed position."""

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from supernet.training.sgd import SGD


class FewShot(nn.Module):
    """A path network `net(images, arch)` made of several networks; each architecture uses the network of its branch.

    Source: Zhao, Wang, Tian, Fonseca, Guo, "Few-shot Neural Architecture Search", ICML 2021. A sub-super-net serves the
    architectures with one operation at one position, so that fewer architectures share its weights; it starts with the
    weights of a super-net of the whole space. The paper trains that super-net and each sub-super-net in full, and draws
    the position at random or splits several. Here the position is fixed per space, and one budget of steps is divided,
    so that a run costs as many passes as any other. `parameters()` returns those of all branches.
    """

    def __init__(self, network: nn.Module, branches: int, branch: Callable[[Any], int]) -> None:
        """Make `branches` copies of a network; `branch(arch)` is the number of the copy that an architecture uses."""
        super().__init__()
        self.networks = nn.ModuleList([network, *(copy.deepcopy(network) for _ in range(branches - 1))])
        self.branch = branch
        self.shared = False

    def forward(self, images: Tensor, arch: Any) -> Tensor:
        """Map images (N, C, H, W) and an architecture to logits (N, classes); if `shared`, with the first network."""
        logits: Tensor = self.networks[0 if self.shared else self.branch(arch)](images, arch)
        return logits

    def split(self, optimizer: SGD) -> None:
        """Copy weights, statistics and momentum of the first network to the others, and stop sharing."""
        first, *others = self.networks
        for other in others:
            other.load_state_dict(first.state_dict())
            for source, target in zip(first.parameters(), other.parameters(), strict=True):
                momentum = optimizer.state.get(source, {}).get("momentum_buffer")
                if momentum is not None:
                    optimizer.state[target]["momentum_buffer"] = momentum.clone()
        self.shared = False


class SplitStep:
    """The `before` callback of a trainer: share one network up to step `at`, and split it there.

    It depends on the step alone, so that a training that resumes after the split does not split again.
    """

    def __init__(self, network: FewShot, at: int) -> None:
        self.network, self.at = network, at

    def __call__(self, step: int, optimizer: SGD) -> None:
        """Run before the step of this number, from 0."""
        if step == self.at:
            self.network.split(optimizer)
        self.network.shared = step < self.at
