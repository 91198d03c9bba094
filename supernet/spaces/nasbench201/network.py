"""NASBench-201 networks: one class for the super-net (all operations) and for one architecture (its own)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.blocks import ConvNorm, ReLUConvNorm
from supernet.nn.layers import Layers
from supernet.spaces.base import NetworkSize
from supernet.spaces.nasbench201.encoding import (
    AVGPOOL3X3,
    CONV1X1,
    CONV3X3,
    EDGES,
    SKIP,
    Cell,
    Plan,
    live_plan,
)

_KERNELS = {CONV1X1: 1, CONV3X3: 3}


class SearchCell(nn.Module):
    """Four nodes; each edge owns the candidate operations that have weights: C²k² + 2C parameters each."""

    def __init__(self, layers: Layers, channels: int, candidates: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.edges = nn.ModuleList(
            nn.ModuleDict({op: ConvNorm(layers, channels, channels, _KERNELS[op]) for op in ops if op in _KERNELS})
            for ops in candidates
        )

    def forward(self, images: Tensor, plan: Plan) -> Tensor:
        """(N, C, H, W) to the same shape."""
        nodes: list[Tensor | None] = [images]
        # The convolutions that leave a node share its ReLU.
        activated: list[Tensor | None] = [None] * 4
        for edges in plan:
            total: Tensor | None = None
            for number, source, operation in edges:
                value = self._edge(number, source, operation, nodes, activated, images)
                total = value if total is None else total + value
            nodes.append(total)
        return torch.zeros_like(images) if nodes[-1] is None else nodes[-1]

    def _edge(
        self,
        number: int,
        source: int,
        operation: str,
        nodes: list[Tensor | None],
        activated: list[Tensor | None],
        like: Tensor,
    ) -> Tensor:
        value = nodes[source]
        if value is None:
            value = nodes[source] = torch.zeros_like(like)
        if operation == SKIP:
            return value
        if operation == AVGPOOL3X3:
            return F.avg_pool2d(value, 3, 1, 1, count_include_pad=False)
        relu = activated[source]
        if relu is None:
            relu = activated[source] = F.relu(value)
        convolved: Tensor = self.edges[number][operation](relu)  # type: ignore[index]
        return convolved


class Downsample(nn.Module):
    """Residual block that halves the resolution and doubles the channels: 2 convolutions, 1x1 short cut."""

    def __init__(self, layers: Layers, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = ReLUConvNorm(layers, c_in, c_out, 3, stride=2)
        self.second = ReLUConvNorm(layers, c_out, c_out, 3)
        self.shortcut = layers.conv(c_in, c_out, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to (N, 2C, H/2, W/2)."""
        residual: Tensor = self.shortcut(F.avg_pool2d(images, 2, 2))
        value: Tensor = residual + self.second(self.first(images))
        return value


class Network(nn.Module):
    """Stem, three stages of N cells with a residual down-block between them, BN, ReLU, pooling, linear.

    `candidates` lists, for each edge, the operations that the network owns. Drop-path counts the 3N cells; the
    down-blocks are no cells.
    """

    def __init__(self, layers: Layers, candidates: Sequence[Sequence[str]], size: NetworkSize) -> None:
        super().__init__()
        channels = size.channels
        if len(candidates) != len(EDGES):
            raise ValueError(f"expected candidates for {len(EDGES)} edges, got {len(candidates)}")
        self.zero_in_zero_out = not layers.affine and not layers.tracking
        self.stem = ConvNorm(layers, size.in_channels, channels, 3)
        self.stages = nn.ModuleList()
        self.downsamples = nn.ModuleList()
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                self.downsamples.append(Downsample(layers, width // 2, width))
            self.stages.append(nn.ModuleList(SearchCell(layers, width, candidates) for _ in range(size.layers)))
        self.last_norm = layers.norm(4 * channels)
        self.dropout = layers.dropout(3 * size.layers)
        self.classifier = nn.Linear(4 * channels, size.num_classes)

    def forward(self, images: Tensor, arch: Cell) -> Tensor:
        """(N, in_channels, H, W) images and an architecture to (N, num_classes) logits."""
        plan = live_plan(arch, self.zero_in_zero_out)
        features, number = self.stem(images), 0
        for stage, cells in enumerate(self.stages):
            if stage:
                features = self.downsamples[stage - 1](features)
            for cell in cells:  # type: ignore[attr-defined]
                features, number = cell(features, plan), number + 1
                if self.dropout is not None:
                    features = self.dropout.drop_cell(features, number)
        pooled = F.relu(self.last_norm(features)).mean((2, 3))
        if self.dropout is not None:
            pooled = self.dropout.drop_features(pooled)
        logits: Tensor = self.classifier(pooled)
        return logits
