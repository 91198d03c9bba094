"""Networks of NAS-Bench-Macro: one class for the super-net (all operations) and for one architecture (its own)."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.blocks import ConvNorm, ConvNormReLU
from supernet.nn.factory import LayerFactory
from supernet.nn.reuse import Reuse, keeping
from supernet.spaces.base import NetworkSize
from supernet.spaces.macro.encoding import BLOCKS, IDENTITY, LAYERS, Chain, computes, shapes, tail_channels


class InvertedResidual(nn.Module):
    """MobileNetV2 block: 1x1 expansion, depthwise kernel, 1x1 projection without activation, shortcut if shapes agree.

    `expansion`·c_in hidden channels h: h·(c_in + k² + c_out) + 4h + 2·c_out parameters with affine.
    """

    def __init__(self, factory: LayerFactory, c_in: int, c_out: int, stride: int, expansion: int, kernel: int) -> None:
        super().__init__()
        hidden = expansion * c_in
        self.expand = ConvNormReLU(factory, c_in, hidden, 1)
        self.depthwise = factory.depthwise(hidden, kernel, stride)
        self.norm = factory.norm(hidden)
        self.project = ConvNorm(factory, hidden, c_out, 1)
        self.shortcut, self.kernels = stride == 1 and c_in == c_out, factory.kernels

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H/stride, W/stride)."""
        # In-place: no other code reads the normalised values, and their gradient needs only the input.
        hidden = F.relu(self.norm(self.depthwise(self.expand(images))), inplace=True)
        value: Tensor = self.project(hidden)
        if not self.shortcut:
            return value
        total = self.kernels.add_up([(value, True), (images, False)])
        assert total is not None, "the sum of two values"
        return total


class Downsample(nn.Module):
    """The identity of the first layer of a stage: 1x1 convolution with stride, batch norm, no activation."""

    def __init__(self, factory: LayerFactory, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv = factory.conv(c_in, c_out, 1, stride)
        self.norm = factory.norm(c_out)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H/stride, W/stride)."""
        normalised: Tensor = self.norm(self.conv(images))
        return normalised


class Layer(nn.Module):
    """The operations of one layer that have weights: all of a super-net, or that of one architecture.

    With `ofa_kernel`, the blocks share their depthwise kernel: the 3x3 one is the centre of the first half of the 5x5
    one's channels. Pointwise convolutions and norms are not shared.
    """

    def __init__(self, factory: LayerFactory, c_in: int, c_out: int, stride: int, candidates: Sequence[str]) -> None:
        super().__init__()
        self.operations = nn.ModuleDict()
        if IDENTITY in candidates and stride > 1:
            self.operations[IDENTITY] = Downsample(factory, c_in, c_out, stride)
        blocks = {op: InvertedResidual(factory, c_in, c_out, stride, *BLOCKS[op]) for op in candidates if op in BLOCKS}
        factory.share_kernels([block.depthwise for block in blocks.values()])
        self.operations.update(blocks)

    def forward(self, images: Tensor, operation: str) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H/stride, W/stride); an identity without stride returns its input."""
        if operation == IDENTITY and IDENTITY not in self.operations:
            return images
        value: Tensor = self.operations[operation](images)
        return value


class Network(nn.Module):
    """Stem of C channels, eight layers up to 8C channels, 1x1 convolution to 40C channels, pooling, linear.

    `candidates` lists the operations of each layer. Drop-path counts the eight layers.
    """

    def __init__(self, factory: LayerFactory, candidates: Sequence[Sequence[str]], size: NetworkSize) -> None:
        super().__init__()
        self.stem = ConvNormReLU(factory, size.in_channels, size.channels, 3)
        places = shapes(size.channels)
        self.layers = nn.ModuleList(Layer(factory, *place, own) for place, own in zip(places, candidates, strict=True))
        width = tail_channels(size.channels)
        self.tail = ConvNormReLU(factory, places[-1][1], width, 1)
        self.dropout = factory.dropout_of(LAYERS)
        self.classifier = nn.Linear(width, size.num_classes)

    def forward(self, images: Tensor, arch: Chain, reuse: Reuse | None = None) -> Tensor:
        """Map images (N, in_channels, H, W) and an architecture to logits (N, num_classes).

        Chains that begin with the same layers share their values in `reuse`.
        """
        keep = keeping(reuse, self)
        features = keep((), partial(self.stem, images))
        # The layers so far that compute something, which identify the features.
        done: tuple[tuple[int, str], ...] = ()
        for number, operation in enumerate(arch.operations):
            done = (*done, (number, operation)) if computes(number, operation) else done
            features = keep(done, partial(self._layer, number, operation, features))
        return keep(("logits", done), partial(self._classified, features))

    def reuse_order(self, arch: Chain) -> list[tuple[int, str]]:
        """Return a sort key: in this order, architectures find most of their common values in a small `Reuse`."""
        return [one for one in enumerate(arch.operations) if computes(*one)]

    def _layer(self, number: int, operation: str, images: Tensor) -> Tensor:
        value: Tensor = self.layers[number](images, operation)
        return value if self.dropout is None else self.dropout.drop_cell(value, number + 1)

    def _classified(self, features: Tensor) -> Tensor:
        pooled = self.tail(features).mean((2, 3))
        if self.dropout is not None:
            pooled = self.dropout.drop_features(pooled)
        logits: Tensor = self.classifier(pooled)
        return logits
