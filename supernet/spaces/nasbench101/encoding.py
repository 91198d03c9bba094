"""NASBench-101 cells: encoding, pruning, isomorphism-invariant hash, channel arithmetic.

A cell is a directed acyclic graph whose vertices carry operations (Ying et al., "NAS-Bench-101", ICML 2019).
The hash and the channel arithmetic are those of the benchmark's own code (google-research/nasbench,
`lib/graph_util.py` and `lib/model_builder.py`), so that cells can be looked up in its published table.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from supernet.errors import UserError

INPUT = "input"
OUTPUT = "output"
CONV3X3 = "conv3x3-bn-relu"
CONV1X1 = "conv1x1-bn-relu"
MAXPOOL3X3 = "maxpool3x3"
# In the benchmark's order: the hash uses the index of an operation in this tuple.
OPERATIONS = (CONV3X3, CONV1X1, MAXPOOL3X3)
MAX_VERTICES = 7
MAX_EDGES = 9
STACKS = 3

_LETTERS = {INPUT: "I", CONV3X3: "3", CONV1X1: "1", MAXPOOL3X3: "M", OUTPUT: "O"}
_NAMES = {letter: name for name, letter in _LETTERS.items()}
_HASH_LABELS = {INPUT: -1, OUTPUT: -2} | {name: index for index, name in enumerate(OPERATIONS)}

Matrix: TypeAlias = tuple[tuple[int, ...], ...]
Operations: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One pruned, valid cell: `matrix[i][j]` is 1 where an edge runs from vertex i to vertex j > i.

    Vertex 0 is the input, the last one the output, and every vertex lies on a path between them. Equality is
    that of labelled graphs; `module_hash` identifies isomorphic cells. The constructor raises UserError for a cell that
    is not pruned; `Cell.build` prunes first.
    """

    matrix: Matrix
    operations: Operations

    def __post_init__(self) -> None:
        _check_graph(self.matrix, self.operations)
        _check_limits(self.matrix)
        if not _is_pruned(self.matrix):
            raise _invalid("a vertex is not on a path from input to output", "use Cell.build, which prunes it")

    @classmethod
    def build(cls, matrix: Sequence[Sequence[int]], operations: Sequence[str]) -> "Cell":
        """Return the cell of a (v, v) upper triangular 0/1 matrix and its v operations, after pruning.

        The benchmark's limits (7 vertices, 9 edges) apply to the pruned graph, as in its code. Raises UserError if the
        graph is malformed, unconnected or beyond those limits.
        """
        pruned = prune(matrix, operations)
        if pruned is None:
            raise _invalid("there is no path from input to output", "connect them")
        return cls(*pruned)

    @property
    def vertices(self) -> int:
        """Number of vertices, input and output included: 2 to 7."""
        return len(self.matrix)

    @property
    def edges(self) -> int:
        """Number of edges: 1 to 9."""
        return sum(map(sum, self.matrix))


def prune(matrix: Sequence[Sequence[int]], operations: Sequence[str]) -> tuple[Matrix, Operations] | None:
    """Return the graph without vertices that are not on a path from input to output; None if there is no such path.

    Raises UserError for a malformed graph (shape, entries, operations). Does not check the limits of the space.
    """
    try:
        rows, names = tuple(map(tuple, matrix)), tuple(operations)
    except TypeError as error:
        raise _invalid(f"({matrix!r}, {operations!r}) is not a graph", "give rows and names") from error
    _check_graph(rows, names)
    last = len(rows) - 1
    fed, used = {0}, {last}
    for vertex in range(1, last + 1):
        if any(rows[source][vertex] for source in fed):
            fed.add(vertex)
    for vertex in range(last - 1, -1, -1):
        if any(rows[vertex][target] for target in used):
            used.add(vertex)
    if last not in fed:
        return None
    kept = sorted(fed & used)
    return tuple(tuple(int(rows[i][j]) for j in kept) for i in kept), tuple(names[i] for i in kept)


def module_hash(cell: Cell) -> str:
    """Return the benchmark's isomorphism-invariant MD5 (32 hex digits), the key of its published table.

    Source: `hash_module` in google-research/nasbench, `lib/graph_util.py` (Weisfeiler-Lehman): in each of as many
    rounds as vertices, every vertex hashes the hashes of its predecessors and successors.
    """
    predecessors, successors = _neighbours(cell.matrix)
    hashes = [
        _md5(str((len(targets), len(sources), _HASH_LABELS[name])))
        for sources, targets, name in zip(predecessors, successors, cell.operations, strict=True)
    ]
    for _ in cell.matrix:
        hashes = [
            _md5(f"{_joined(hashes, sources)}|{_joined(hashes, targets)}|{own}")
            for sources, targets, own in zip(predecessors, successors, hashes, strict=True)
        ]
    return _md5(str(sorted(hashes)))


def vertex_channels(c_in: int, c_out: int, matrix: Sequence[Sequence[int]]) -> list[int]:
    """Return the channels of each vertex, with input and output, of a pruned cell from c_in to c_out channels.

    The interior vertices wired to the output share c_out equally; the first ones get one channel more until the
    remainder is distributed. An edge from input to output has no share. Any other vertex is as wide as its widest
    successor. Source: `compute_vertex_channels` in google-research/nasbench, `lib/model_builder.py`. Raises UserError
    if c_out is less than the number of vertices that share it.
    """
    last = len(matrix) - 1
    channels = [c_in] + [0] * (last - 1) + [c_out]
    concatenated = [vertex for vertex in range(1, last) if matrix[vertex][last]]
    if c_out < max(1, len(concatenated)):
        raise UserError(
            f"NASBench-101 cell: {c_out} output channels cannot be shared by {len(concatenated)} vertices; "
            f"use at least {max(1, len(concatenated))} channels"
        )
    for position, vertex in enumerate(concatenated):
        share, remainder = divmod(c_out, len(concatenated))
        channels[vertex] = share + (position < remainder)
    for vertex in range(last - 1, 0, -1):
        if not matrix[vertex][last]:
            channels[vertex] = max(channels[target] for target in range(last) if matrix[vertex][target])
    return channels


def output_vertices(matrix: Sequence[Sequence[int]]) -> int:
    """Return the number of interior vertices wired to the output, which share its channels."""
    return sum(bool(row[-1]) for row in matrix[1:-1])


def output_vertices_of(text: str) -> int:
    """Return the same for a text of `format_cell` without parsing it, because tables have hundreds of thousands."""
    return sum(row[-1] == "1" for row in text.partition(":")[2].split("/")[1:])


def cells_per_stack(layers: int) -> int:
    """Return the cells of each of the three stacks; UserError if `layers` is not a positive multiple of 3."""
    if layers < STACKS or layers % STACKS:
        raise UserError(f"NASBench-101: found {layers} layers; expected a multiple of {STACKS}, such as 3, 6 or 9")
    return layers // STACKS


def format_cell(cell: Cell) -> str:
    """Return a compact text such as "I3MO:110/01/1": a letter per operation, then the rows of the upper triangle.

    Letters: I input, 3 conv3x3-bn-relu, 1 conv1x1-bn-relu, M maxpool3x3, O output. `parse` is the inverse.
    """
    letters = "".join(_LETTERS[name] for name in cell.operations)
    rows = ("".join(map(str, row[i + 1 :])) for i, row in enumerate(cell.matrix[:-1]))
    return f"{letters}:{'/'.join(rows)}"


def parse(source: Cell | str | Mapping[str, Any] | Sequence[Any]) -> Cell:
    """Return the pruned cell of a source.

    `source` is a Cell, a text of `format_cell`, a mapping with the keys `matrix` and `operations`, or a pair
    (matrix, operations). Raises UserError for anything else, and if the cell is not valid.
    """
    if isinstance(source, Cell):
        return source
    if isinstance(source, str):
        return _parse_text(source)
    if isinstance(source, Mapping) and set(source) == {"matrix", "operations"}:
        return Cell.build(source["matrix"], source["operations"])
    if isinstance(source, Sequence) and len(source) == 2:
        return Cell.build(*source)
    raise UserError(
        f"NASBench-101 cell: cannot read {source!r}; expected text such as 'I3MO:110/01/1', "
        "a mapping with exactly the keys 'matrix' and 'operations', or a pair (matrix, operations)"
    )


def _neighbours(matrix: Matrix) -> tuple[list[list[int]], list[list[int]]]:
    predecessors = [[i for i, bit in enumerate(column) if bit] for column in zip(*matrix, strict=True)]
    successors = [[j for j, bit in enumerate(row) if bit] for row in matrix]
    return predecessors, successors


def _joined(hashes: Sequence[str], vertices: Sequence[int]) -> str:
    return "".join(sorted(hashes[vertex] for vertex in vertices))


def _md5(text: str) -> str:
    # An interpreter in FIPS mode refuses MD5 without this flag.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _parse_text(text: str) -> Cell:
    letters, _, triangle = text.partition(":")
    rows = triangle.split("/")
    lengths = list(range(len(letters) - 1, 0, -1))
    readable = set(letters) <= set(_NAMES) and set(triangle) <= set("01/")
    if not readable or [len(row) for row in rows] != lengths:
        raise UserError(
            f"NASBench-101 cell: cannot read the text {text!r}; expected text such as 'I3MO:110/01/1': "
            f"letters among {' '.join(_NAMES)}, a colon, and the upper triangle's rows of 0 and 1 "
            "joined by '/', each one shorter than the row before it"
        )
    matrix = [[0] * (i + 1) + [int(bit) for bit in row] for i, row in enumerate(rows)]
    return Cell.build([*matrix, [0] * len(letters)], [_NAMES[letter] for letter in letters])


def _check_graph(matrix: Matrix, operations: Operations) -> None:
    """Raise UserError unless this is an upper triangular graph with operations of the space."""
    size = len(matrix)
    if size < 2 or any(len(row) != size for row in matrix):
        lengths = [len(row) for row in matrix]
        raise _invalid(f"the rows of the matrix have lengths {lengths}", "make it square, 2x2 or larger")
    if any(bit not in (0, 1) for row in matrix for bit in row):
        raise _invalid(f"the matrix {matrix} has entries other than 0 and 1", "use 1 for an edge, else 0")
    if not _is_upper_triangular(matrix):
        raise _invalid(f"the matrix {matrix} is not upper triangular", "make every edge point forward")
    if len(operations) != size:
        raise _invalid(f"{len(operations)} operations for {size} vertices", "name one per vertex")
    first, *interior, last = operations
    if first != INPUT or last != OUTPUT or any(name not in OPERATIONS for name in interior):
        raise _invalid(
            f"the operations are {operations}",
            f"start with {INPUT!r}, end with {OUTPUT!r}, and use {', '.join(map(repr, OPERATIONS))} between",
        )


def _check_limits(matrix: Matrix) -> None:
    edges = sum(map(sum, matrix))
    if len(matrix) > MAX_VERTICES or edges > MAX_EDGES:
        raise _invalid(
            f"{len(matrix)} vertices and {edges} edges after pruning",
            f"the space ends at {MAX_VERTICES} vertices and {MAX_EDGES} edges",
        )


def _is_upper_triangular(matrix: Matrix) -> bool:
    return not any(any(row[: i + 1]) for i, row in enumerate(matrix))


def _is_pruned(matrix: Matrix) -> bool:
    # Edges point forward, so a vertex is on a path if an edge enters it and another leaves it.
    columns = tuple(zip(*matrix, strict=True))
    return all(map(any, matrix[:-1])) and all(map(any, columns[1:]))


def _invalid(found: str, remedy: str) -> UserError:
    return UserError(f"NASBench-101 cell: {found}; {remedy}")
