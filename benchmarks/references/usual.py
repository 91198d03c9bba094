"""NASBench-201's super-net written in the usual way.

Every edge has one module per operation, including `none`, which multiplies by zero. All edges of the path are executed,
also those that do not reach the output. Each convolution has its own ReLU, and all layers are torch's. A test checks
that this network and ours compute the same logits from the same weights.
"""

from typing import Any

from torch import Tensor, nn

from supernet.spaces.nasbench201 import network as ours
from supernet.spaces.nasbench201.encoding import AVGPOOL3X3, CONV1X1, CONV3X3, EDGES, NONE, OPERATIONS, SKIP, Cell


class Zero(nn.Module):
    """The operation `none`."""

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to zeros of that shape."""
        return images.mul(0.0)


def norm(channels: int) -> nn.Module:
    """Return batch norm with affine parameters and without tracking, as in the baseline."""
    return nn.BatchNorm2d(channels, affine=True, track_running_stats=False)


def relu_conv_norm(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return ReLU, convolution and batch norm."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(inplace=False), conv, norm(c_out))


def operation(name: str, channels: int) -> nn.Module:
    """Return the module of an operation."""
    if name in (CONV1X1, CONV3X3):
        return relu_conv_norm(channels, channels, {CONV1X1: 1, CONV3X3: 3}[name])
    others: dict[str, nn.Module] = {
        NONE: Zero(),
        SKIP: nn.Identity(),
        AVGPOOL3X3: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
    }
    return others[name]


class UsualCell(nn.Module):
    """Six edges of five operations each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(
            nn.ModuleDict({name: operation(name, channels) for name in OPERATIONS}) for _ in EDGES
        )

    def forward(self, images: Tensor, arch: Cell) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        nodes = [images]
        for target in (1, 2, 3):
            values = [
                self.edges[number][arch.operations[number]](nodes[source])  # type: ignore[index]
                for number, (source, end) in enumerate(EDGES)
                if end == target
            ]
            nodes.append(sum(values[1:], start=values[0]))
        return nodes[-1]


class UsualDownsample(nn.Module):
    """Residual block that halves the resolution."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first, self.second = relu_conv_norm(c_in, c_out, 3, 2), relu_conv_norm(c_out, c_out, 3)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(c_in, c_out, 1, bias=False))

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 2C, H/2, W/2)."""
        value: Tensor = self.shortcut(images) + self.second(self.first(images))
        return value


class UsualNetwork(nn.Module):
    """The super-net of NASBench-201."""

    def __init__(self, channels: int, cells: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, 1, 1, bias=False), norm(channels))
        self.layers = nn.ModuleList()
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                self.layers.append(UsualDownsample(width // 2, width))
            self.layers += [UsualCell(width) for _ in range(cells)]
        self.last = nn.Sequential(norm(4 * channels), nn.ReLU(inplace=False), nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, images: Tensor, arch: Cell) -> Tensor:
        """Map (N, 3, H, W) images and an architecture to (N, classes) logits."""
        features = self.stem(images)
        for layer in self.layers:
            features = layer(features, arch) if isinstance(layer, UsualCell) else layer(features)
        logits: Tensor = self.classifier(self.last(features).flatten(1))
        return logits


def copy_weights(source: nn.Module, target: UsualNetwork) -> None:
    """Copy our weights to the usual network, layer by layer; RuntimeError if layers or shapes differ."""
    theirs = [*_layers(target)]
    mine = [*_layers(source)]
    if len(mine) != len(theirs):
        raise RuntimeError(f"found {len(theirs)} layers in the usual network; expected {len(mine)}")
    for own, other in zip(mine, theirs, strict=True):
        other.load_state_dict(dict(own.named_parameters()))


def _layers(network: Any) -> Any:
    """Yield the layers with weights in the order of execution; per edge, the 1x1 convolution first."""
    if isinstance(network, ours.Network):
        yield from (network.stem.conv, network.stem.norm)
        for stage, cells in enumerate(network.stages):
            if stage:
                down: Any = network.downsamples[stage - 1]
                yield from (down.first.conv, down.first.norm, down.second.conv, down.second.norm, down.shortcut)
            for cell in cells:  # type: ignore[attr-defined]
                for edge in cell.edges:
                    for name in (CONV1X1, CONV3X3):
                        yield from (edge[name].conv, edge[name].norm)
        yield from (network.last_norm, network.classifier)
        return
    yield from network.stem
    for layer in network.layers:
        if isinstance(layer, UsualDownsample):
            yield from (layer.first[1], layer.first[2], layer.second[1], layer.second[2], layer.shortcut[1])
        else:
            for edge in layer.edges:
                for name in (CONV1X1, CONV3X3):
                    yield from (edge[name][1], edge[name][2])
    yield from (network.last[0], network.classifier)
