"""NASBench-201 networks: one class for the super-net (all operations) and for one architecture (its own)."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.blocks import ConvNorm, ReLUConvNorm
from supernet.nn.factory import LayerFactory
from supernet.nn.mixture import Mixture, expect_whole, first_channels, partial_width
from supernet.nn.reuse import Keep, Reuse, compute_anew, keeping
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

# The set of operations of each edge. On nodes, the edges into a node that do not come from the cell input share one set
# (paper, "operation on node or edge"). Only 1→3 and 2→3 are two such edges of one node.
_OWNERS = {"edge": (0, 1, 2, 3, 4, 5), "node": (0, 1, 2, 3, 4, 4)}


class SearchCell(nn.Module):
    """Four nodes; each edge has the candidate operations with weights: C²k² + 2C parameters each.

    With operations on nodes, the last two edges share one set.
    """

    def __init__(self, factory: LayerFactory, channels: int, candidates: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.owners, self.partial = _OWNERS[factory.op_placement], factory.partial_channels
        self.kernels = factory.kernels
        width = partial_width(channels, self.partial)
        self.edges = nn.ModuleList(
            _operations(factory, width, candidates[owner]) for owner in range(1 + max(self.owners))
        )

    def forward(self, images: Tensor, plan: Plan, keep: Keep = compute_anew) -> Tensor:
        """Map (N, C, H, W) to the same shape; `keep` returns stored values of nodes and edges."""
        nodes: list[Tensor | None] = [images]
        # The convolutions of a node share its ReLU.
        activated: list[Tensor | None] = [None] * 4
        # Keys of the nodes for `keep`: their edges, each with the key of its source.
        keys: list[Hashable] = [()]
        for edges in plan:
            keys.append(tuple((number, operation, keys[source]) for number, source, operation in edges))
            total = partial(self._node, edges, nodes, activated, keys, keep)
            nodes.append(keep(keys[-1], total) if edges else None)
        return torch.zeros_like(images) if nodes[-1] is None else nodes[-1]

    def _node(
        self,
        edges: Sequence[tuple[int, int, str]],
        nodes: list[Tensor | None],
        activated: list[Tensor | None],
        keys: list[Hashable],
        keep: Keep,
    ) -> Tensor:
        def value(number: int, source: int, operation: str) -> Tensor:
            edge = partial(self._edge, number, source, operation, nodes, activated)
            return keep((number, operation, keys[source]), edge)

        alone = keep is compute_anew
        node = self.kernels.add_up((value(*edge), alone and edge[2] != SKIP) for edge in edges)
        assert node is not None, "a node without edges has no value to compute"
        return node

    def mix(self, images: Tensor, mixture: Mixture) -> Tensor:
        """Map (N, C, H, W) to the same shape, with a weighted sum of operations on each edge."""
        nodes = [images]
        inputs: list[Tensor | None] = [first_channels(images, self.partial)]
        activated: list[Tensor | None] = [None] * 4
        for target in (1, 2, 3):
            values = (
                mixture.edge(
                    0,
                    number,
                    partial(self._candidate, number, source, inputs, activated),
                    nodes[source],
                    self.partial,
                    lambda: torch.zeros_like(first_channels(images, self.partial)),
                )
                for number, (source, end) in enumerate(EDGES)
                if end == target
            )
            total = self.kernels.add_up((value, False) for value in values if value is not None)
            nodes.append(torch.zeros_like(images) if total is None else total)
            inputs.append(first_channels(nodes[-1], self.partial))
        return nodes[-1]

    def _candidate(
        self, number: int, source: int, inputs: list[Tensor | None], activated: list[Tensor | None], operation: int
    ) -> Tensor | None:
        name = OPERATIONS[operation]
        return None if name == NONE else self._edge(number, source, name, inputs, activated)

    def _edge(
        self,
        number: int,
        source: int,
        operation: str,
        nodes: list[Tensor | None],
        activated: list[Tensor | None],
    ) -> Tensor:
        value = nodes[source]
        if value is None:
            value = nodes[source] = torch.zeros_like(nodes[0])  # type: ignore[arg-type]
        if operation == SKIP:
            return value
        if operation == AVGPOOL3X3:
            return self.kernels.average_pool(value)
        relu = activated[source]
        if relu is None:
            relu = activated[source] = F.relu(value)
        convolved: Tensor = self.edges[self.owners[number]][operation](relu)  # type: ignore[index]
        return convolved


def _operations(factory: LayerFactory, channels: int, candidates: Sequence[str]) -> nn.ModuleDict:
    operations = {op: ConvNorm(factory, channels, channels, _KERNELS[op]) for op in candidates if op in _KERNELS}
    factory.share_kernels([block.conv for block in operations.values()])
    return nn.ModuleDict(operations)


class Downsample(nn.Module):
    """Residual block that halves the resolution and doubles the channels: two convolutions, 1x1 shortcut."""

    def __init__(self, factory: LayerFactory, c_in: int, c_out: int) -> None:
        super().__init__()
        self.first = ReLUConvNorm(factory, c_in, c_out, 3, stride=2)
        self.second = ReLUConvNorm(factory, c_out, c_out, 3)
        self.shortcut, self.kernels = factory.conv(c_in, c_out, 1), factory.kernels

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, 2C, H/2, W/2)."""
        residual: Tensor = self.shortcut(self.kernels.halve(images))
        value: Tensor = residual.add_(self.second(self.first(images)))
        return value


class Network(nn.Module):
    """Stem, three stages of N cells with a residual down-block between them, BN, ReLU, pooling, linear.

    `candidates` lists the operations of each edge. Drop-path counts the 3N cells; down-blocks are not cells.
    """

    def __init__(self, factory: LayerFactory, candidates: Sequence[Sequence[str]], size: NetworkSize) -> None:
        super().__init__()
        channels = size.channels
        if len(candidates) != len(EDGES):
            raise ValueError(f"expected candidates for {len(EDGES)} edges, got {len(candidates)}")
        self.zero_in_zero_out = not factory.affine and not factory.tracking
        self.partial = factory.partial_channels
        self.stem = ConvNorm(factory, size.in_channels, channels, 3)
        self.stages = nn.ModuleList()
        self.downsamples = nn.ModuleList()
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                self.downsamples.append(Downsample(factory, width // 2, width))
            self.stages.append(nn.ModuleList(SearchCell(factory.cell, width, candidates) for _ in range(size.layers)))
        self.last_norm = factory.norm(4 * channels)
        self.dropout = factory.dropout_of(3 * size.layers)
        self.classifier = nn.Linear(4 * channels, size.num_classes)

    def forward(self, images: Tensor, arch: Cell, reuse: Reuse | None = None) -> Tensor:
        """Map images (N, in_channels, H, W) and an architecture to logits (N, num_classes)."""
        expect_whole(self.partial)
        plan = live_plan(arch, self.zero_in_zero_out)
        keep = keeping(reuse, self)

        def compute(cell: Any, features: Tensor, number: int) -> Tensor:
            # Later cells depend on the whole first cell: paths that share one value of them share all values.
            computed: Tensor = cell(features, plan, keep) if reuse and number == 0 else cell(features, plan)
            return computed

        return keep(("logits", plan), lambda: self._through(keep("stem", partial(self.stem, images)), compute))

    def reuse_order(self, arch: Cell) -> Plan:
        """Return a sort key: in this order, architectures find most of their common values in a small `Reuse`."""
        return live_plan(arch, self.zero_in_zero_out)

    def mix(self, images: Tensor, mixture: Mixture) -> Tensor:
        """Map images to logits with a weighted sum of operations on each edge: weights (1, 6, 5)."""
        return self._through(self.stem(images), lambda cell, features, _: cell.mix(features, mixture))

    def _through(self, features: Tensor, compute: Callable[[Any, Tensor, int], Tensor]) -> Tensor:
        number = 0
        for stage, cells in enumerate(self.stages):
            if stage:
                features = self.downsamples[stage - 1](features)
            for cell in cells:  # type: ignore[attr-defined]
                features, number = compute(cell, features, number), number + 1
                if self.dropout is not None:
                    features = self.dropout.drop_cell(features, number)
        pooled = F.relu(self.last_norm(features), inplace=True).mean((2, 3))
        if self.dropout is not None:
            pooled = self.dropout.drop_features(pooled)
        logits: Tensor = self.classifier(pooled)
        return logits
