"""A network of one architecture."""

from typing import Any

from torch import Tensor, nn


class StandAlone(nn.Module):
    """A path network that owns the weights of one architecture only, called as `net(images)`."""

    def __init__(self, network: nn.Module, arch: Any) -> None:
        super().__init__()
        self.network, self.arch = network, arch

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) images to (N, classes) logits."""
        logits: Tensor = self.network(images, self.arch)
        return logits
