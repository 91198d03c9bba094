"""Blocks of layers that several spaces share."""

from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.factory import LayerFactory


class ConvNormReLU(nn.Module):
    """Convolution, batch norm, ReLU (NASBench-101); c·c_out·k² + 2·c_out parameters with affine.

    With `configurations`, the convolution has that many norms, and each call names one.
    """

    def __init__(
        self, factory: LayerFactory, c_in: int, c_out: int, kernel: int, configurations: int | None = None
    ) -> None:
        super().__init__()
        self.conv = factory.conv(c_in, c_out, kernel)
        self.norm = factory.norm(c_out) if configurations is None else factory.configured_norm(c_out, configurations)

    def forward(self, images: Tensor, c_out: int | None = None, configuration: int | None = None) -> Tensor:
        """Map (N, c, H, W) to (N, c_out, H, W)."""
        convolved = self.conv(images, c_out)
        normalised: Tensor = self.norm(convolved) if configuration is None else self.norm(convolved, configuration)
        # In-place: no other code reads it, and its gradient needs only the input.
        return F.relu(normalised, inplace=True)


class ReLUConvNorm(nn.Module):
    """ReLU, convolution, batch norm (NASBench-201, DARTS)."""

    def __init__(self, factory: LayerFactory, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = factory.conv(c_in, c_out, kernel, stride)
        self.norm = factory.norm(c_out)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H', W')."""
        normalised: Tensor = self.norm(self.conv(F.relu(images)))
        return normalised


class ConvNorm(nn.Module):
    """Convolution, batch norm: the stem."""

    def __init__(self, factory: LayerFactory, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        self.conv = factory.conv(c_in, c_out, kernel)
        self.norm = factory.norm(c_out)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H, W)."""
        normalised: Tensor = self.norm(self.conv(images))
        return normalised
