"""NASBench-201 networks: one class for the super-net (all operations) and for one architecture (its own)."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.blocks import ConvNorm, ReLUConvNorm
from supernet.nn.layers import Layers
from supernet.nn.mixture import Mixture, expect_whole, first_channels, partial_width, with_bypass
from supernet.spaces.base import NetworkSize
from supernet.spaces.nasbench201.encoding import (
    AVGPOOL3X3,
    CONV1X1,
    CONV3X3,
    EDGES,
    NONE,
    OPERATIONS,
    SKIP,
    Cell,
    Plan,
    live_plan,
)

_KERNELS = {CONV1X1: 1, CONV3X3: 3}

# Owner of the operations of each edge. On nodes, the edges that enter a node and do not leave the cell input have one
# owner (paper, "operation on node or edge"). Only 1→3 and 2→3 are two such edges of one node.
_OWNERS = {"edge": (0, 1, 2, 3, 4, 5), "node": (0, 1, 2, 3, 4, 4)}


class SearchCell(nn.Module):
    """Four nodes; each edge owns the candidate operations that have weights: C²k² + 2C parameters each.

    With the operations on nodes, the last two edges share those of the first of them.
    """

    def __init__(self, layers: Layers, channels: int, candidates: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.owners, self.partial = _OWNERS[layers.op_placement], layers.partial_channels
        width = partial_width(channels, self.partial)
        self.edges = nn.ModuleList(
            _operations(layers, width, candidates[owner]) for owner in range(1 + max(self.owners))
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

    def mix(self, images: Tensor, mixture: Mixture) -> Tensor:
        """(N, C, H, W) to the same shape, with a weighted sum of operations on each edge."""
        nodes = [images]
        inputs: list[Tensor | None] = [first_channels(images, self.partial)]
        activated: list[Tensor | None] = [None] * 4
        for target in (1, 2, 3):
            total: Tensor | None = None
            for number, (source, end) in enumerate(EDGES):
                if end != target:
                    continue
                value = self._mixed(number, source, nodes, inputs, activated, mixture)
                if value is not None:
                    total = value if total is None else total + value
            nodes.append(torch.zeros_like(images) if total is None else total)
            inputs.append(first_channels(nodes[-1], self.partial))
        return nodes[-1]

    def _mixed(
        self,
        number: int,
        source: int,
        nodes: list[Tensor],
        inputs: list[Tensor | None],
        activated: list[Tensor | None],
        mixture: Mixture,
    ) -> Tensor | None:
        def operation(which: int) -> Tensor | None:
            name = OPERATIONS[which]
            return None if name == NONE else self._edge(number, source, name, inputs, activated, nodes[0])

        mixed = mixture.sum(0, number, operation)
        if self.partial > 1:
            kept = torch.zeros_like(first_channels(nodes[0], self.partial)) if mixed is None else mixed
            mixed = with_bypass(kept, nodes[source], self.partial)
        return None if mixed is None else mixture.weighed(0, number, mixed)

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
        convolved: Tensor = self.edges[self.owners[number]][operation](relu)  # type: ignore[index]
        return convolved


def _operations(layers: Layers, channels: int, candidates: Sequence[str]) -> nn.ModuleDict:
    operations = {op: ConvNorm(layers, channels, channels, _KERNELS[op]) for op in candidates if op in _KERNELS}
    layers.share_kernels([block.conv for block in operations.values()])
    return nn.ModuleDict(operations)


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
        self.partial = layers.partial_channels
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
        expect_whole(self.partial)
        plan = live_plan(arch, self.zero_in_zero_out)
        return self._through(images, lambda cell, features: cell(features, plan))

    def mix(self, images: Tensor, mixture: Mixture) -> Tensor:
        """The same with a weighted sum of operations on each edge: weights (1, 6, 5)."""
        return self._through(images, lambda cell, features: cell.mix(features, mixture))

    def _through(self, images: Tensor, compute: Callable[[Any, Tensor], Tensor]) -> Tensor:
        features, number = self.stem(images), 0
        for stage, cells in enumerate(self.stages):
            if stage:
                features = self.downsamples[stage - 1](features)
            for cell in cells:  # type: ignore[attr-defined]
                features, number = compute(cell, features), number + 1
                if self.dropout is not None:
                    features = self.dropout.drop_cell(features, number)
        pooled = F.relu(self.last_norm(features)).mean((2, 3))
        if self.dropout is not None:
            pooled = self.dropout.drop_features(pooled)
        logits: Tensor = self.classifier(pooled)
        return logits
