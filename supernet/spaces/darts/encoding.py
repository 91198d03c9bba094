"""DARTS genotypes: a normal and a reduction cell of four nodes with two inputs (Liu et al. 2019; NDS)."""

import ast
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Self

from supernet.errors import UserError
from supernet.spaces.conventions import is_integer

NONE, SKIP = "none", "skip_connect"
MAXPOOL3X3, AVGPOOL3X3 = "max_pool_3x3", "avg_pool_3x3"
OPERATIONS = (
    NONE,
    MAXPOOL3X3,
    AVGPOOL3X3,
    SKIP,
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
CONVOLUTIONS = frozenset(OPERATIONS[4:])
NODES = 4
EDGES = 2 * NODES
ALL_NODES = tuple(range(2, 2 + NODES))
POSITIONS = NODES * (NODES + 3) // 2
"""Pairs of a node and an input state: the edges of a relaxed cell."""
Concat = Literal["loose_ends", "all"]
"""States that cells of a law concatenate: the nodes that are not the input of a node, or all nodes."""
# (number of the edge in the cell, operation, input state)
Edge = tuple[int, str, int]
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


@dataclass(frozen=True, slots=True)
class Cell:
    """Eight edges (operation, input state), two per node, and the states that are concatenated.

    States 0 and 1 are the outputs of the two previous cells, states 2 to 5 the nodes. The two edges of a node are
    sorted, because their order has no effect.
    """

    edges: tuple[tuple[str, int], ...]
    concat: tuple[int, ...]

    @classmethod
    def build(cls, edges: Iterable[Any], concat: Iterable[int] | None = None) -> Self:
        """Return a validated cell; by default `concat` has the loose ends (nodes that are not the input of a node).

        Raises UserError if an edge, the number of edges or the concatenated states are invalid.
        """
        found = _listed(edges, "edges")
        if len(found) != EDGES:
            raise UserError(f"DARTS: found {len(found)} edges in a cell; expected {EDGES}")
        pairs = [_edge(number, edge) for number, edge in enumerate(found)]
        ordered = [pair for node in range(NODES) for pair in sorted(pairs[2 * node : 2 * node + 2], key=_by_input)]
        return cls(tuple(ordered), loose_ends(ordered) if concat is None else _concat(concat))


@dataclass(frozen=True, slots=True)
class Genotype:
    """An architecture: normal and reduction cell."""

    normal: Cell
    reduce: Cell


def built(edges: Iterable[Any], concat: Concat) -> Cell:
    """Return a validated cell that concatenates its loose ends or all nodes; raises UserError as `Cell.build`."""
    return Cell.build(edges, None if concat == "loose_ends" else ALL_NODES)


def position(node: int, state: int) -> int:
    """Return the number of the edge from a state to a node, among the 14 of a relaxed cell; nodes count from 0."""
    return node * (node + 3) // 2 + state


def loose_ends(edges: Iterable[tuple[str, int]]) -> tuple[int, ...]:
    """Return the nodes that are not the input of another node."""
    used = {state for _, state in edges}
    return tuple(state for state in range(2, 2 + NODES) if state not in used)


@lru_cache(maxsize=32_768)
def live_edges(cell: Cell, zero_in_zero_out: bool) -> tuple[tuple[Edge, ...], ...]:
    """Return for each node the edges whose values are not always zero.

    Convolutions whose input is zero are skipped if `zero_in_zero_out`, which does not hold with affine batch norm (its
    shift would reach the output) or tracked statistics (their mean would).
    """
    zero: set[int] = set()
    nodes = []
    for node in range(NODES):
        numbered = [(number, *cell.edges[number]) for number in (2 * node, 2 * node + 1)]
        live = tuple(
            (number, operation, state)
            for number, operation, state in numbered
            if operation != NONE and (state not in zero or (operation in CONVOLUTIONS and not zero_in_zero_out))
        )
        if not live:
            zero.add(2 + node)
        nodes.append(live)
    return tuple(nodes)


def convolves(cell: Cell) -> bool:
    """Return whether a convolution is on a path from an input of the cell to its output."""
    wanted = set(cell.concat)
    found = False
    for node, edges in reversed(list(enumerate(live_edges(cell, True)))):
        if 2 + node in wanted:
            wanted |= {state for _, _, state in edges}
            found |= any(operation in CONVOLUTIONS for _, operation, _ in edges)
    return found


def format_genotype(genotype: Genotype) -> str:
    """Return the genotype as the DARTS code base prints it."""
    normal, reduce = genotype.normal, genotype.reduce
    return (
        f"Genotype(normal={list(normal.edges)}, normal_concat={list(normal.concat)}, "
        f"reduce={list(reduce.edges)}, reduce_concat={list(reduce.concat)})"
    )


def arch_id(genotype: Genotype) -> str:
    """Return 128 bits of the SHA-256 of the text, which has both cells (the authors' hash omits the second one)."""
    return hashlib.sha256(format_genotype(genotype).encode()).hexdigest()[:32]


def parse(source: Any) -> Genotype:
    """Return the genotype of a text, of a mapping with normal, reduce and optional concats, or of a genotype."""
    if isinstance(source, Genotype):
        return source
    found = fields(source) if isinstance(source, str) else source
    if not isinstance(found, Mapping) or not {"normal", "reduce"} <= set(found) <= set(_FIELDS):
        raise UserError(
            f"DARTS: found {source!r}; expected Genotype(normal=[…], normal_concat=[…], reduce=[…], …), "
            "or decode(value, convention) of the space for numbers"
        )
    return Genotype(
        Cell.build(found["normal"], found.get("normal_concat")),
        Cell.build(found["reduce"], found.get("reduce_concat")),
    )


def fields(text: str) -> dict[str, Any]:
    """Return the keywords of `Genotype(…)` with literals as values, unchecked; UserError if it is not such a text.

    Nothing is evaluated but literals and `range`.
    """
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("not a call with keywords")
        return {str(keyword.arg): _literal(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:  # MemoryError: nested too deep
        raise UserError(f"DARTS: {text!r} is not a genotype ({error}); expected Genotype(normal=[…], …)") from None


def _literal(node: ast.expr) -> Any:
    # Published genotypes have `range(2, 6)` as the concatenated states.
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return range(*(ast.literal_eval(argument) for argument in node.args))
    return ast.literal_eval(node)


def _listed(values: Any, name: str) -> Sequence[Any]:
    if not isinstance(values, Iterable) or isinstance(values, str | Mapping):
        raise UserError(f"DARTS: found {values!r} as the {name} of a cell; expected a list")
    return values if isinstance(values, Sequence) else list(values)


def _concat(states: Any) -> tuple[int, ...]:
    found = _listed(states, "concat")
    allowed = range(2, 2 + NODES)
    if (
        not 0 < len(found) <= NODES
        or not all(is_integer(state) and state in allowed for state in found)
        or len(set(found)) < len(found)
    ):
        raise UserError(f"DARTS: found concat {states!r}; expected distinct states from 2 to {NODES + 1}")
    return tuple(sorted(map(int, found)))


def _edge(number: int, edge: Any) -> tuple[str, int]:
    if not isinstance(edge, list | tuple) or len(edge) != 2:
        raise UserError(f"DARTS: edge {number}: found {edge!r}; expected an operation and its input state")
    operation, state = edge
    if operation not in OPERATIONS:
        raise UserError(f"DARTS: edge {number}: found {operation!r}; expected one of {', '.join(OPERATIONS)}")
    if not is_integer(state) or not 0 <= state < 2 + number // 2:
        raise UserError(f"DARTS: edge {number}: found input {state!r}; expected 0 to {1 + number // 2}")
    return operation, int(state)


def _by_input(edge: tuple[str, int]) -> tuple[int, int]:
    return edge[1], OPERATIONS.index(edge[0])
