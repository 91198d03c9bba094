"""DARTS genotypes in the encodings of the DARTS code base, of BANANAS and of NASLib."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from supernet.errors import UserError
from supernet.spaces.conventions import Convention, numbers, plain
from supernet.spaces.darts.encoding import ALL_NODES, EDGES, NONE, OPERATIONS, Cell, Genotype, parse

NASLIB_OPERATIONS = tuple(operation for operation in OPERATIONS if operation != NONE)
"""Source: `convert_genotype_to_compact` in automl/NASLib, search_spaces/darts/conversions.py."""
Compact = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


def _to_fields(genotype: Genotype) -> dict[str, Any]:
    normal, reduce = genotype.normal, genotype.reduce
    return {
        "normal": list(normal.edges),
        "normal_concat": list(normal.concat),
        "reduce": list(reduce.edges),
        "reduce_concat": list(reduce.concat),
    }


def _from_fields(source: Any) -> Genotype:
    # The code base of DARTS has a named tuple.
    return parse(source._asdict() if hasattr(source, "_asdict") else source)


def _to_compact(genotype: Genotype, name: str, operations: Sequence[str]) -> Compact:
    for cell in (genotype.normal, genotype.reduce):
        if cell.concat != ALL_NODES:
            raise UserError(
                f"DARTS, convention {name}: the genotype concatenates the states {list(cell.concat)}; "
                f"this encoding has only genotypes that concatenate {list(ALL_NODES)}"
            )
        if unknown := [operation for operation, _ in cell.edges if operation not in operations]:
            raise UserError(f"DARTS, convention {name}: has no operation {unknown[0]!r}")
    normal, reduce = (
        tuple((state, operations.index(operation)) for operation, state in cell.edges)
        for cell in (genotype.normal, genotype.reduce)
    )
    return normal, reduce


def _from_compact(source: Any, name: str, operations: Sequence[str]) -> Genotype:
    where = f"DARTS, convention {name}"
    cells = plain(source)
    if not isinstance(cells, list) or len(cells) != 2:
        raise UserError(f"{where}: found {source!r}; expected a pair of cells")
    return Genotype(*(_cell(edges, where, operations) for edges in cells))


def _cell(edges: Any, where: str, operations: Sequence[str]) -> Cell:
    if not isinstance(edges, list) or len(edges) != EDGES:
        raise UserError(f"{where}: found the cell {edges!r}; expected {EDGES} pairs of input state and operation")
    pairs = [
        numbers(edge, f"{where}, edge {number}", (2 + number // 2, len(operations)))
        for number, edge in enumerate(edges)
    ]
    return Cell.build([(operations[operation], state) for state, operation in pairs], ALL_NODES)


CONVENTIONS: Mapping[str, Convention[Genotype]] = MappingProxyType(
    {
        "genotype": Convention(
            "normal, normal_concat, reduce and reduce_concat, the fields of `Genotype` (quark0/darts)",
            _to_fields,
            _from_fields,
        ),
        "naslib": Convention(
            "two cells of eight (input state, operation number) pairs (`compact` in automl/NASLib); all nodes are "
            f"concatenated; operations {', '.join(NASLIB_OPERATIONS)}",
            lambda genotype: _to_compact(genotype, "naslib", NASLIB_OPERATIONS),
            lambda source: _from_compact(source, "naslib", NASLIB_OPERATIONS),
        ),
        "bananas": Convention(
            "two cells of eight (input state, operation number) pairs (naszilla/bananas); all nodes are concatenated; "
            f"operations {', '.join(OPERATIONS)}",
            lambda genotype: _to_compact(genotype, "bananas", OPERATIONS),
            lambda source: _from_compact(source, "bananas", OPERATIONS),
        ),
    }
)
