"""DARTS networks: one class for the super-net (all operations) and for one architecture (its own).

There is no batch norm after pooling, in super-nets and stand-alone networks, as in DARTS' evaluation networks; relaxed
super-nets can have one, as DARTS' search network.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.blocks import ConvNorm
from supernet.nn.conv import Conv, block_columns
from supernet.nn.factory import LayerFactory
from supernet.nn.mixture import Mixture, expect_whole, first_channels, partial_width
from supernet.spaces.base import NetworkSize
from supernet.spaces.darts.encoding import (
    AVGPOOL3X3,
    CONVOLUTIONS,
    MAXPOOL3X3,
    NODES,
    NONE,
    OPERATIONS,
    SKIP,
    Cell,
    Edge,
    Genotype,
    live_edges,
    position,
)

_POOLINGS = (MAXPOOL3X3, AVGPOOL3X3)
Drop = Callable[[Tensor, int], Tensor]
"""Drops the value of an edge to a node, from 0."""


def kept(value: Tensor, node: int) -> Tensor:
    """Return the value of an edge unchanged."""
    return value


class Separable(nn.Module):
    """Depthwise and pointwise convolution, batch norm, of an activated input. C·k² + C² + 2C parameters.

    With `configurations`, here and below, the convolution has that many norms, and each call names one.
    """

    def __init__(
        self,
        factory: LayerFactory,
        channels: int,
        kernel: int,
        stride: int,
        dilation: int,
        configurations: int | None = None,
    ) -> None:
        super().__init__()
        self.depthwise = factory.depthwise(channels, kernel, stride, dilation)
        self.pointwise = factory.conv(channels, channels, 1)
        self.norm = (
            factory.norm(channels) if configurations is None else factory.configured_norm(channels, configurations)
        )

    def forward(self, images: Tensor, configuration: int | None = None) -> Tensor:
        """Map (N, C, H, W) to (N, C, H/stride, W/stride)."""
        value = self.pointwise(self.depthwise(images))
        normalised: Tensor = self.norm(value) if configuration is None else self.norm(value, configuration)
        return normalised


class SeparableTwice(nn.Module):
    """Two separable convolutions with a ReLU between them: `sep_conv`."""

    def __init__(
        self, factory: LayerFactory, channels: int, kernel: int, stride: int, configurations: int | None = None
    ) -> None:
        super().__init__()
        self.first = Separable(factory, channels, kernel, stride, 1, configurations)
        self.second = Separable(factory, channels, kernel, 1, 1, configurations)

    def forward(self, images: Tensor, configuration: int | None = None) -> Tensor:
        """Map (N, C, H, W) to (N, C, H/stride, W/stride)."""
        # In-place: no other code reads it.
        value: Tensor = self.second(F.relu(self.first(images, configuration), inplace=True), configuration)
        return value


class FactorizedReduce(nn.Module):
    """Halves the resolution by two 1x1 convolutions on shifted grids; its input is activated."""

    def __init__(
        self, factory: LayerFactory, blocks: int, c_block: int, c_out: int, configurations: int | None = None
    ) -> None:
        super().__init__()
        self.kernels = factory.kernels
        self.even = factory.block_conv(blocks, c_block, c_out // 2)
        self.odd = factory.block_conv(blocks, c_block, c_out - c_out // 2)
        self.norm = factory.norm(c_out) if configurations is None else factory.configured_norm(c_out, configurations)

    def forward(self, images: Tensor, present: tuple[int, ...] = (0,), configuration: int | None = None) -> Tensor:
        """Map (N, len(present)·c_block, H, W) to (N, c_out, H/2, W/2)."""
        even, odd = self.kernels.diagonal_grids(images)
        value = self.kernels.concatenate([self.even(even, present), self.odd(odd, present)])
        normalised: Tensor = self.norm(value) if configuration is None else self.norm(value, configuration)
        return normalised


class Project(nn.Module):
    """1x1 convolution and batch norm over the present blocks; its input is activated."""

    def __init__(self, factory: LayerFactory, blocks: int, c_block: int, c_out: int) -> None:
        super().__init__()
        self.conv = factory.block_conv(blocks, c_block, c_out)
        self.norm = factory.norm(c_out)

    def forward(self, images: Tensor, present: tuple[int, ...]) -> Tensor:
        """Map (N, len(present)·c_block, H, W) to (N, c_out, H, W)."""
        normalised: Tensor = self.norm(self.conv(images, present))
        return normalised


def make_operation(
    factory: LayerFactory, operation: str, channels: int, stride: int, configurations: int | None = None
) -> nn.Module | None:
    """Create the module of an operation; None if it has no weights."""
    if operation in CONVOLUTIONS:
        kernel = int(operation[-1])
        if operation.startswith("sep"):
            return SeparableTwice(factory, channels, kernel, stride, configurations)
        return Separable(factory, channels, kernel, stride, 2, configurations)
    if operation == SKIP and stride == 2:
        return FactorizedReduce(factory, 1, channels, channels, configurations)
    return None


def make_operations(
    factory: LayerFactory, channels: int, stride: int, configurations: int | None
) -> dict[str, nn.Module]:
    """Create the operations of one position of a super-net that have weights.

    Operations of one kind can share their depthwise kernels (`ofa_kernel`); `sep_conv` shares both of its kernels.
    Pointwise convolutions and norms are not shared: only kernels can be cropped.
    """
    made = {operation: make_operation(factory, operation, channels, stride, configurations) for operation in OPERATIONS}
    made |= {operation: factory.pooling_norm(channels) for operation in _POOLINGS}
    modules = {operation: module for operation, module in made.items() if module is not None}
    for kind in ("sep_conv", "dil_conv"):
        of_kind = [_depthwise(module) for operation, module in modules.items() if operation.startswith(kind)]
        for convs in zip(*of_kind, strict=True):
            factory.share_kernels(convs)
    return modules


def _depthwise(module: nn.Module) -> list[Conv]:
    return [layer for layer in module.modules() if isinstance(layer, Conv) and layer.depthwise]


class SearchCell(nn.Module):
    """Four nodes, each the sum of two edges.

    A super-net cell (`own` is None) has all operations of each pair of node and input state. A stand-alone cell has one
    module per edge, so that two equal edges of a node have separate weights, as in the benchmark.

    With operations on nodes, a node of a super-net has two sets of operations: one for the outputs of the previous
    cells (states 0 and 1) and one for the nodes of this cell. One set is not enough: in reduction cells the former have
    a stride, and a skip with stride has weights. NASBench-201 makes the same division, into the cell's input and the
    rest. With WSBN, the operations of a set have one norm per state that they serve.
    """

    def __init__(
        self,
        factory: LayerFactory,
        sources: tuple[tuple[int, int], tuple[int, int]],
        channels: int,
        reduced_before: bool,
        reduction: bool,
        own: Cell | None,
    ) -> None:
        """`sources` has (blocks, channels per block) of the outputs of the two previous cells."""
        super().__init__()
        self.reduction, self.standalone, self.on_nodes = reduction, own is not None, factory.op_placement == "node"
        self.wsbn = factory.wsbn == "per_input" and own is None
        self.zero_in_zero_out = not factory.affine and not factory.tracking
        before = FactorizedReduce if reduced_before else Project
        # In the authors' code the cell with operations on nodes passes the flags of its norms to the projections.
        projecting = factory if self.on_nodes else factory.outer
        self.project0 = before(projecting, *sources[0], channels)
        self.project1 = Project(projecting, *sources[1], channels)
        self.partial, self.kernels = factory.partial_channels, factory.kernels
        width = partial_width(channels, self.partial)
        self.operations = nn.ModuleDict()
        if own is None:
            for node, states in _positions(factory.op_placement):
                configurations = len(states) if self.wsbn else None
                owned = make_operations(factory, width, self._stride(states[0]), configurations)
                for operation, module in owned.items():
                    self.operations[self._name(2 * node, operation, states[0])] = module
        else:
            for number, (operation, state) in enumerate(own.edges):
                single = make_operation(factory, operation, channels, self._stride(state))
                if single is not None:
                    self.operations[self._name(number, operation, state)] = single

    def forward(
        self,
        before: Tensor,
        last: Tensor,
        cell: Cell,
        present: tuple[tuple[int, ...], tuple[int, ...]],
        drop: Drop = kept,
    ) -> Tensor:
        """Map activated outputs of the two previous cells, with the blocks `present`, to (N, len(concat)·C, H', W').

        `drop(value, node)` drops the value of an edge to a node, from 0, for some samples.
        """
        states = [self.project0(before, present[0]), self.project1(last, present[1])]
        # The convolutions of a state share its ReLU.
        activated: dict[int, Tensor] = {}
        for number, edges in enumerate(live_edges(cell, self.zero_in_zero_out)):
            node = self.kernels.add_up(
                (drop(self._edge(edge, states, activated), number), self._makes(edge)) for edge in edges
            )
            states.append(self._zeros(states[1]) if node is None else node)
        return self.kernels.concatenate([states[state] for state in cell.concat])

    def mix(self, before: Tensor, last: Tensor, mixture: Mixture, blocks: tuple[int, int], drop: Drop = kept) -> Tensor:
        """Map activated outputs of the two previous cells to (N, 4C, H', W') with a weighted sum on each edge.

        `blocks` are their numbers of blocks, and `drop` is that of `forward`. Each node has edges from all previous
        states, and all nodes are concatenated, as in DARTS' search network.
        """
        present = tuple(range(blocks[0])), tuple(range(blocks[1]))
        states = [self.project0(before, present[0]), self.project1(last, present[1])]
        inputs = [first_channels(state, self.partial) for state in states]
        activated: dict[int, Tensor] = {}
        for node in range(NODES):
            values = (
                mixture.edge(
                    int(self.reduction),
                    position(node, state),
                    partial(self._candidate, node, state, inputs, activated),
                    states[state],
                    self.partial,
                    lambda: self._zeros(inputs[1]),
                )
                for state in range(2 + node)
            )
            total = self.kernels.add_up((drop(value, node), False) for value in values if value is not None)
            states.append(self._zeros(states[1]) if total is None else total)
            inputs.append(first_channels(states[-1], self.partial))
        return self.kernels.concatenate(states[2:])

    def _candidate(
        self, node: int, state: int, inputs: list[Tensor], activated: dict[int, Tensor], operation: int
    ) -> Tensor | None:
        name = OPERATIONS[operation]
        return None if name == NONE else self._edge((2 * node, name, state), inputs, activated)

    def _edge(self, edge: Edge, states: list[Tensor], activated: dict[int, Tensor]) -> Tensor:
        number, operation, state = edge
        stride = self._stride(state)
        if operation in _POOLINGS:
            pool = self.kernels.max_pool if operation == MAXPOOL3X3 else self.kernels.average_pool
            pooled, name = pool(states[state], stride), self._name(number, operation, state)
            return self.operations[name](pooled) if name in self.operations else pooled
        if operation == SKIP and stride == 1:
            return states[state]
        if state not in activated:
            activated[state] = F.relu(states[state])
        # The states that share a module are 0 and 1, or 2 and later ones.
        configuration = (state if state < 2 else state - 2) if self.wsbn else None
        module = self.operations[self._name(number, operation, state)]
        value: Tensor = module(activated[state], configuration=configuration)
        return value

    def _makes(self, edge: Edge) -> bool:
        """Return whether the value of an edge may be overwritten, because no other code uses it."""
        _, operation, state = edge
        return operation != SKIP or self._stride(state) == 2

    def _name(self, number: int, operation: str, state: int) -> str:
        if self.standalone:
            return f"edge{number}_{operation}"
        source = state if not self.on_nodes else "_cells" if state < 2 else "_nodes"
        return f"node{number // 2}_from{source}_{operation}"

    def _stride(self, state: int) -> int:
        return 2 if self.reduction and state < 2 else 1

    def _zeros(self, like: Tensor) -> Tensor:
        """Return zeros of the resolution of a node, for an input of the resolution of the previous cells."""
        stride = self._stride(0)
        n, c, height, width = like.shape
        return like.new_zeros(n, c, (height + stride - 1) // stride, (width + stride - 1) // stride)


def _positions(op_placement: str) -> list[tuple[int, tuple[int, ...]]]:
    """Return nodes with the input states whose edges to them share their operations."""
    if op_placement == "edge":
        return [(node, (state,)) for node in range(NODES) for state in range(2 + node)]
    nodes = [(node, tuple(range(2, 2 + node))) for node in range(1, NODES)]
    return [(node, (0, 1)) for node in range(NODES)] + nodes


class Network(nn.Module):
    """Stem of 3C channels, L cells with reductions at L//3 and 2L//3, pooling, linear.

    A cell concatenates the loose ends of the architecture, so that the projections of the next cells and the classifier
    have one slice of their weights per node; a stand-alone network (`own` given) has only the slices that it needs.
    """

    def __init__(self, factory: LayerFactory, own: Genotype | None, size: NetworkSize) -> None:
        super().__init__()
        self.own, self.partial = own, factory.partial_channels
        channels, cells = size.channels, size.layers
        self.stem = ConvNorm(factory.outer, size.in_channels, 3 * channels, 3)
        self.cells = nn.ModuleList()
        sources, width, reduced = [(1, 3 * channels), (1, 3 * channels)], channels, False
        for index in range(cells):
            reduction = index in {cells // 3, 2 * cells // 3}
            width *= 2 if reduction else 1
            cell = None if own is None else own.reduce if reduction else own.normal
            self.cells.append(SearchCell(factory.cell, (sources[0], sources[1]), width, reduced, reduction, cell))
            blocks = NODES if cell is None else len(cell.concat)
            sources, reduced = [sources[1], (blocks, width)], reduction
        self.dropout = factory.dropout_of(cells, factory.darts_drop_path)
        self.last_blocks, self.last_width = sources[1]
        self.classifier = nn.Linear(self.last_blocks * self.last_width, size.num_classes)

    def forward(self, images: Tensor, arch: Genotype) -> Tensor:
        """Map images (N, in_channels, H, W) and an architecture to logits (N, num_classes)."""
        expect_whole(self.partial)
        before = last = F.relu(self.stem(images), inplace=True)
        present: tuple[tuple[int, ...], tuple[int, ...]] = ((0,), (0,))
        for number, module in enumerate(self.cells, start=1):
            cell = arch.reduce if module.reduction else arch.normal
            output = module(before, last, cell, present, self._drop(number))
            before, last = last, self._left(output, number, len(cell.concat))
            present = present[1], self._blocks(cell)
        weight = block_columns(self.classifier.weight, present[1], self.last_blocks, self.last_width)
        pooled = last.mean((2, 3))
        if self.dropout is not None:
            pooled = self.dropout.drop_features(pooled)
        return F.linear(pooled, weight, self.classifier.bias)

    def mix(self, images: Tensor, mixture: Mixture) -> Tensor:
        """Map images to logits with a weighted sum of operations per edge: weights (2, 14, 8), normal cells first."""
        before = last = F.relu(self.stem(images), inplace=True)
        blocks = (1, 1)
        for number, module in enumerate(self.cells, start=1):
            output = module.mix(before, last, mixture, blocks, self._drop(number))  # type: ignore[operator]
            before, last = last, self._left(output, number, NODES)
            blocks = blocks[1], NODES
        pooled = last.mean((2, 3))
        if self.dropout is not None:
            pooled = self.dropout.drop_features(pooled)
        logits: Tensor = self.classifier(pooled)
        return logits

    def _drop(self, number: int) -> Drop:
        """Return the function that drops edges of cell `number`, from 1."""
        dropout = self.dropout
        if dropout is None or dropout.edge == 0:
            return kept
        return lambda value, node: dropout.drop_edge(value, number, node + 1, NODES)

    def _left(self, output: Tensor, number: int, states: int) -> Tensor:
        """Apply drop-path and a ReLU to the output of cell `number`, from 1, a concatenation of `states` states.

        The next two cells read the activated output and share its ReLU. The output of the last cell gets no ReLU.
        """
        if self.dropout is not None:
            output = self.dropout.drop_cell(output, number)
        if number == len(self.cells):
            return output
        # In-place if the concatenation is a copy, which no other code reads.
        return F.relu(output, inplace=states > 1)

    def _blocks(self, cell: Cell) -> tuple[int, ...]:
        if self.own is not None:
            return tuple(range(len(cell.concat)))
        return tuple(state - 2 for state in cell.concat)
