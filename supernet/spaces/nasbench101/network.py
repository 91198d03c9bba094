"""NASBench-101 networks: one class for the super-net (full width, sliced) and for one cell (its own widths)."""

from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.blocks import ConvNormReLU
from supernet.nn.channels import DynamicConvNormReLU
from supernet.nn.factory import LayerFactory
from supernet.spaces.base import NetworkSize
from supernet.spaces.nasbench101.cost import stack_width
from supernet.spaces.nasbench101.encoding import (
    CONV1X1,
    CONV3X3,
    MAX_VERTICES,
    OPERATIONS,
    STACKS,
    Cell,
    cells_per_stack,
    output_vertices,
    vertex_channels,
)

_KERNELS = {CONV1X1: 1, CONV3X3: 3}


class Vertex(nn.Module):
    """An interior vertex: operations (C²k² + 2C parameters each) and an optional projection of the cell input.

    With `configurations`, its operations have that many norms; the projection has one input and one norm.
    """

    def __init__(
        self,
        factory: LayerFactory,
        c_in: int,
        channels: int,
        operations: tuple[str, ...],
        project: bool,
        configurations: int | None = None,
    ) -> None:
        super().__init__()
        kernels = {op: _KERNELS[op] for op in operations if op in _KERNELS}
        blocks = {op: _block(factory, channels, channels, kernel, configurations) for op, kernel in kernels.items()}
        factory.share_kernels([block.conv for block in blocks.values()])
        self.operations, self.kernels = nn.ModuleDict(blocks), factory.kernels
        self.project = _block(factory, c_in, channels, 1) if project else None

    def forward(
        self,
        inputs: list[Tensor],
        cell_input: Tensor | None,
        operation: str,
        channels: int,
        configuration: int | None = None,
    ) -> Tensor:
        """The operation on the sum of the inputs' first `channels` and of the projected cell input."""
        terms = [tensor if tensor.shape[1] == channels else tensor[:, :channels] for tensor in inputs]
        if cell_input is not None:
            terms.append(self.project(cell_input, channels))  # type: ignore[misc]
        total = sum(terms[1:], start=terms[0])
        if operation not in _KERNELS:
            return self.kernels.max_pool(total)
        value: Tensor = self.operations[operation](total, channels, configuration)
        return value


def _block(
    factory: LayerFactory, c_in: int, channels: int, kernel: int, configurations: int | None = None
) -> ConvNormReLU | DynamicConvNormReLU:
    """Convolution, norm and ReLU that are called for some of their channels."""
    dynamic = factory.dynamic(c_in, channels, kernel)
    return ConvNormReLU(factory, c_in, channels, kernel, configurations) if dynamic is None else dynamic


class SearchCell(nn.Module):
    """Up to five interior vertices; wiring and widths are those of the cell in the call.

    With WSBN vertex v of a super-net has 2^v - 1 norms per operation: one per non-empty set of vertices, including the
    cell input, that can be its inputs.
    """

    def __init__(self, factory: LayerFactory, c_in: int, c_out: int, own: Cell | None) -> None:
        super().__init__()
        self.c_in, self.c_out, self.kernels = c_in, c_out, factory.kernels
        # A network of one cell has one input configuration at each vertex.
        self.wsbn = factory.wsbn == "per_input" and own is None
        interior = range(1, (MAX_VERTICES if own is None else own.vertices) - 1)
        full = c_out // (factory.constant_outputs or 1)
        widths = None if own is None else vertex_channels(c_in, c_out, own.matrix)
        self.vertices = nn.ModuleList(
            Vertex(
                factory,
                c_in,
                full if widths is None else widths[v],
                OPERATIONS if own is None else (own.operations[v],),
                own is None or bool(own.matrix[0][v]),
                2**v - 1 if self.wsbn else None,
            )
            for v in interior
        )
        projects = own is None or bool(own.matrix[0][-1])
        self.project = ConvNormReLU(factory.outer, c_in, c_out, 1) if projects else None

    def forward(self, images: Tensor, cell: Cell) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H, W)."""
        channels = vertex_channels(self.c_in, self.c_out, cell.matrix)
        last = cell.vertices - 1
        tensors = [images]
        for v in range(1, last):
            inputs = [tensors[u] for u in range(1, v) if cell.matrix[u][v]]
            cell_input = images if cell.matrix[0][v] else None
            configuration = input_configuration(cell, v) if self.wsbn else None
            tensors.append(self.vertices[v - 1](inputs, cell_input, cell.operations[v], channels[v], configuration))
        ends = [tensors[v] for v in range(1, last) if cell.matrix[v][last]]
        if not cell.matrix[0][last]:
            return self.kernels.concatenate(ends)
        projected: Tensor = self.project(images)  # type: ignore[misc]
        return projected + self.kernels.concatenate(ends) if ends else projected


def input_configuration(cell: Cell, vertex: int) -> int:
    """Return the number of the set of input vertices of a vertex: from 0, of 2^vertex - 1 non-empty sets."""
    return sum(1 << source for source in range(vertex) if cell.matrix[source][vertex]) - 1


class Network(nn.Module):
    """Conv stem, three stacks of cells with max-pooling between them and doubling widths, pooling, linear.

    With `size.widths` doubled the first stack doubles the stem's channels too.
    """

    def __init__(self, factory: LayerFactory, own: Cell | None, size: NetworkSize) -> None:
        super().__init__()
        channels, repeated = size.channels, cells_per_stack(size.layers) - 1
        self.outputs = factory.constant_outputs
        self.stem = ConvNormReLU(factory.outer, size.in_channels, channels, 3)
        self.stacks = nn.ModuleList()
        for stack in range(STACKS):
            width = stack_width(size, stack)
            inputs = [max(channels, width // 2)] + [width] * repeated
            self.stacks.append(nn.ModuleList(SearchCell(factory, c_in, width, own) for c_in in inputs))
        self.dropout = factory.dropout_of(size.layers)
        self.classifier = nn.Linear(width, size.num_classes)

    def forward(self, images: Tensor, arch: Cell) -> Tensor:
        """Map images (N, in_channels, H, W) and a cell to logits (N, num_classes)."""
        if self.outputs not in (None, output_vertices(arch.matrix)):
            # A cell with more of them would use slices without an error.
            raise ValueError(f"{arch}: expected {self.outputs} output vertices in this super-net of constant channels")
        features, number = self.stem(images), 0
        for stack, cells in enumerate(self.stacks):
            if stack:
                features = F.max_pool2d(features, 2, 2)
            for cell in cells:  # type: ignore[attr-defined]
                features, number = cell(features, arch), number + 1
                if self.dropout is not None:
                    features = self.dropout.drop_cell(features, number)
        pooled = features.mean((2, 3))
        if self.dropout is not None:
            pooled = self.dropout.drop_features(pooled)
        logits: Tensor = self.classifier(pooled)
        return logits
