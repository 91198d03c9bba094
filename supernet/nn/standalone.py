"""A network of one architecture."""

from typing import Any

from torch import Tensor, nn


class StandAlone(nn.Module):
    """A path network with the weights of one architecture only, called as `net(images)`."""

    def __init__(self, network: nn.Module, arch: Any) -> None:
        super().__init__()
        self.network, self.arch = network, arch

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.network(images, self.arch)
        return logits
