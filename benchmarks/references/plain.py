"""Super-nets without the hooks of heuristics: the reference for heuristics that are switched off.

`strip` replaces the forward methods of a super-net's modules by versions without dropout, input configurations,
operation placement, shared kernels, and choice of channels or statistics. Weights and results stay the same. Only for
baselines in training mode: these networks cannot be evaluated.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.blocks import ConvNormReLU
from supernet.nn.choice import Choice
from supernet.nn.conv import Conv, block_columns
from supernet.nn.fast.batchnorm import batch_norm
from supernet.nn.fast.convolution import SMALL_MAP
from supernet.nn.fast.depthwise import depthwise
from supernet.nn.fast.depthwise_matrices import depthwise_by_matrices, tap_matrices
from supernet.nn.fast.layout import concatenate, every_second
from supernet.nn.fast.maxpooling import max_pool
from supernet.nn.fast.pooling import average_pool
from supernet.nn.norm import Norm, norms
from supernet.spaces.darts import network as darts
from supernet.spaces.darts.encoding import AVGPOOL3X3, MAXPOOL3X3, SKIP, live_edges
from supernet.spaces.nasbench101 import network as nasbench101
from supernet.spaces.nasbench101.encoding import MAXPOOL3X3 as VERTEX_POOL
from supernet.spaces.nasbench101.encoding import vertex_channels
from supernet.spaces.nasbench201 import network as nasbench201
from supernet.spaces.nasbench201.encoding import AVGPOOL3X3 as EDGE_POOL
from supernet.spaces.nasbench201.encoding import SKIP as EDGE_SKIP
from supernet.spaces.nasbench201.encoding import live_plan


class PlainConv(Conv):
    """A dense convolution of all channels."""

    def forward(self, images: Tensor, c_out: int | None = None) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H', W')."""
        if self.stride == 2 and self.kernel == 1:
            return F.conv2d(every_second(images), self.weight)
        return F.conv2d(images, self.weight, None, self.stride, self.padding)


class PlainDepthwise(Conv):
    """A depthwise convolution of all channels; small maps use matrices."""

    def forward(self, images: Tensor, c_out: int | None = None) -> Tensor:
        """Map (N, C, H, W) to (N, C, H', W')."""
        stride, dilation, padding = self.stride, self.dilation, self.padding
        if stride == 2 and dilation == 2:
            images, stride, dilation, padding = every_second(images), 1, 1, padding // 2
        height, width = images.shape[2:]
        if height * width <= SMALL_MAP and (dilation > 1 or dilation * (self.kernel - 1) + 1 > min(height, width)):
            taps = tap_matrices(height, width, self.kernel, stride, dilation, images.dtype)
            return depthwise_by_matrices(images, self.weight, taps, (-(-height // stride), -(-width // stride)))
        if stride == 1:
            return depthwise(images, self.weight, dilation)
        return F.conv2d(images, self.weight, None, stride, padding, dilation, self.c_in)


class PlainNorm(Norm):
    """Batch norm of all channels with the statistics of the batch."""

    def forward(self, images: Tensor, choice: Choice | None = None) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return batch_norm(images, None, None, self.weight, self.bias, True, 0.0, self.eps)


class SlicedConvNormReLU(ConvNormReLU):
    """The first channels of a convolution and of its norm (NASBench-101)."""

    def forward(self, images: Tensor, c_out: int | None = None, configuration: int | None = None) -> Tensor:
        """Map (N, c, H, W) to (N, c_out, H, W)."""
        conv, norm = self.conv, cast(Norm, self.norm)
        weight: Tensor = conv.weight
        scale, shift = norm.weight, norm.bias
        if images.shape[1] != conv.c_in or (c_out is not None and c_out != conv.c_out):
            weight = weight[:c_out, : images.shape[1]]
            scale, shift = (None if values is None else values[:c_out] for values in (scale, shift))  # type: ignore[assignment]
        convolved = F.conv2d(images, weight, None, 1, conv.padding)
        return F.relu(batch_norm(convolved, None, None, scale, shift, True, 0.0, norm.eps), inplace=True)


class PlainVertex(nasbench101.Vertex):
    """A vertex with one norm per operation."""

    def forward(
        self, inputs: list[Tensor], cell_input: Tensor | None, operation: str, channels: int, _: Any = None
    ) -> Any:
        """Apply the operation to the sum of the inputs and the projected cell input."""
        terms = [tensor if tensor.shape[1] == channels else tensor[:, :channels] for tensor in inputs]
        if cell_input is not None:
            terms.append(self.project(cell_input, channels))  # type: ignore[misc]
        total = sum(terms[1:], start=terms[0])
        if operation == VERTEX_POOL:
            return max_pool(total)
        return self.operations[operation](total, channels)


class PlainCell101(nasbench101.SearchCell):
    """A cell without input configurations."""

    def forward(self, images: Tensor, cell: Any) -> Any:
        """Map (N, c_in, H, W) to (N, c_out, H, W)."""
        channels = vertex_channels(self.c_in, self.c_out, cell.matrix)
        last = cell.vertices - 1
        tensors = [images]
        for v in range(1, last):
            inputs = [tensors[u] for u in range(1, v) if cell.matrix[u][v]]
            cell_input = images if cell.matrix[0][v] else None
            tensors.append(self.vertices[v - 1](inputs, cell_input, cell.operations[v], channels[v]))
        ends = [tensors[v] for v in range(1, last) if cell.matrix[v][last]]
        if not cell.matrix[0][last]:
            return concatenate(ends)
        projected = self.project(images)  # type: ignore[misc]
        return projected + concatenate(ends) if ends else projected


class PlainNetwork101(nasbench101.Network):
    """The macro network without dropout."""

    def forward(self, images: Tensor, arch: Any) -> Any:
        """Map (N, in_channels, H, W) to (N, num_classes)."""
        features = self.stem(images)
        for stack, cells in enumerate(self.stacks):
            if stack:
                features = F.max_pool2d(features, 2, 2)
            for cell in cells:  # type: ignore[attr-defined]
                features = cell(features, arch)
        return self.classifier(features.mean((2, 3)))


class PlainCell201(nasbench201.SearchCell):
    """A cell with operations on edges."""

    def forward(self, images: Tensor, plan: Any, keep: Any = None) -> Any:
        """Map (N, C, H, W) to the same shape."""
        nodes: list[Tensor | None] = [images]
        activated: list[Tensor | None] = [None] * 4
        for edges in plan:
            total: Tensor | None = None
            for number, source, operation in edges:
                value = nodes[source]
                if value is None:
                    value = nodes[source] = torch.zeros_like(images)
                if operation == EDGE_POOL:
                    value = average_pool(value)
                elif operation != EDGE_SKIP:
                    relu = activated[source]
                    if relu is None:
                        relu = activated[source] = F.relu(value)
                    value = self.edges[number][operation](relu)
                total = value if total is None else total + value
            nodes.append(total)
        return torch.zeros_like(images) if nodes[-1] is None else nodes[-1]


class PlainNetwork201(nasbench201.Network):
    """The macro network without dropout."""

    def forward(self, images: Tensor, arch: Any, reuse: Any = None) -> Any:
        """Map (N, in_channels, H, W) to (N, num_classes)."""
        plan = live_plan(arch, self.zero_in_zero_out)
        features = self.stem(images)
        for stage, cells in enumerate(self.stages):
            if stage:
                features = self.downsamples[stage - 1](features)
            for cell in cells:  # type: ignore[attr-defined]
                features = cell(features, plan)
        return self.classifier(F.relu(self.last_norm(features)).mean((2, 3)))


class PlainSeparable(darts.Separable):
    """Depthwise and pointwise convolution with one norm."""

    def forward(self, images: Tensor, configuration: int | None = None) -> Any:
        """Map (N, C, H, W) to (N, C, H/stride, W/stride)."""
        return self.norm(self.pointwise(self.depthwise(images)))


class PlainSeparableTwice(darts.SeparableTwice):
    """Two separable convolutions."""

    def forward(self, images: Tensor, configuration: int | None = None) -> Any:
        """Map (N, C, H, W) to (N, C, H/stride, W/stride)."""
        return self.second(F.relu(self.first(images), inplace=True))


class PlainCellDarts(darts.SearchCell):
    """A super-net cell with operations on edges and without input configurations."""

    def forward(self, before: Tensor, last: Tensor, cell: Any, present: Any, drop: Any = darts.kept) -> Any:
        """Map activated outputs of the two cells before to (N, len(concat)·C, H', W'); `drop` is not called."""
        states = [self.project0(before, present[0]), self.project1(last, present[1])]
        activated: dict[int, Tensor] = {}
        for edges in live_edges(cell, self.zero_in_zero_out):
            values = [self._value(edge, states, activated) for edge in edges]
            states.append(sum(values[1:], start=values[0]) if values else self._zeros(states[1]))
        return concatenate([states[state] for state in cell.concat])

    def _value(self, edge: Any, states: list[Tensor], activated: dict[int, Tensor]) -> Any:
        number, operation, state = edge
        stride = 2 if self.reduction and state < 2 else 1
        if operation == MAXPOOL3X3:
            return max_pool(states[state], stride)
        if operation == AVGPOOL3X3:
            return average_pool(states[state], stride)
        if operation == SKIP and stride == 1:
            return states[state]
        if state not in activated:
            activated[state] = F.relu(states[state])
        return self.operations[f"node{number // 2}_from{state}_{operation}"](activated[state])


class PlainNetworkDarts(darts.Network):
    """The macro network without dropout."""

    def forward(self, images: Tensor, arch: Any) -> Tensor:
        """Map (N, in_channels, H, W) to (N, num_classes)."""
        before = last = F.relu(self.stem(images), inplace=True)
        present: tuple[tuple[int, ...], tuple[int, ...]] = ((0,), (0,))
        for number, module in enumerate(self.cells, start=1):
            cell = arch.reduce if module.reduction else arch.normal
            before, last = last, module(before, last, cell, present)
            if number < len(self.cells):
                last = F.relu(last, inplace=len(cell.concat) > 1)
            present = present[1], tuple(state - 2 for state in cell.concat)
        weight = block_columns(self.classifier.weight, present[1], self.last_blocks, self.last_width)
        return F.linear(last.mean((2, 3)), weight, self.classifier.bias)


PLAIN: dict[type[nn.Module], type[nn.Module]] = {
    Norm: PlainNorm,
    ConvNormReLU: SlicedConvNormReLU,
    nasbench101.Vertex: PlainVertex,
    nasbench101.SearchCell: PlainCell101,
    nasbench101.Network: PlainNetwork101,
    nasbench201.SearchCell: PlainCell201,
    nasbench201.Network: PlainNetwork201,
    darts.Separable: PlainSeparable,
    darts.SeparableTwice: PlainSeparableTwice,
    darts.SearchCell: PlainCellDarts,
    darts.Network: PlainNetworkDarts,
}


def strip(network: nn.Module) -> nn.Module:
    """Replace forward methods in-place by plain ones; heuristics must be off. ValueError if a norm tracks."""
    if any(layer.running_mean is not None for layer in norms(network)):
        raise ValueError("a plain network does not track: strip one that was built without tracking")
    for module in network.modules():
        if isinstance(module, Conv):
            module.__class__ = PlainDepthwise if module.depthwise else PlainConv
        elif type(module) in PLAIN:
            module.__class__ = PLAIN[type(module)]
    return network
