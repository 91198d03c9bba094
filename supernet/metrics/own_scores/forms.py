"""Finds architectures, written in one of several forms, among those of a table."""

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from supernet import spaces
from supernet.errors import UserError
from supernet.metrics.arrays import Integers
from supernet.metrics.own_scores.columns import Columns
from supernet.spaces.base import Space

TEXT, INDEX = "text", "index"
NATS_BENCH = "nats-bench"
"""The integer index of NATS-Bench: `INDEX` of NASBench-201."""
ABSENT = -1


def forms(space: Space[Any]) -> tuple[str, ...]:
    """Return the forms in which architectures of a space can be written."""
    numbered = (INDEX, NATS_BENCH) if _is_numbered(space) else ()
    return (TEXT, *numbered, *space.conventions)


def locate(space: Space[Any], form: str, columns: Columns, arch_ids: pa.Array, encodings: pa.Array) -> Integers:
    """Return the positions (n,) of written architectures among `arch_ids`, `ABSENT` for those that are not there.

    `encodings` are the texts of the same architectures: what is written like one of them is found without parsing.
    Raises UserError for an architecture that is not in the space, or not written in this form.
    """
    _require_form(space, form)
    positions = np.full(len(columns.archs), ABSENT, dtype=np.int64)
    if form == TEXT:
        _require_texts(space, columns)
        written = pa.array(columns.archs, pa.string())
        for known in (encodings, arch_ids):
            found = pc.index_in(written, value_set=known).fill_null(ABSENT).to_numpy(zero_copy_only=False)
            positions = np.where(positions == ABSENT, found, positions)
    unknown = np.flatnonzero(positions == ABSENT)
    parsed = pa.array([_identified(space, form, columns, int(row))[0] for row in unknown], pa.string())
    positions[unknown] = pc.index_in(parsed, value_set=arch_ids).fill_null(ABSENT).to_numpy(zero_copy_only=False)
    if space.name not in spaces.KINDS:
        _require_members(space, columns, encodings, positions)
    return positions


def identified(space: Space[Any], form: str, columns: Columns) -> list[tuple[str, str]]:
    """Return arch_id and text of each written architecture; UserError as `locate`, and for one that is repeated."""
    _require_form(space, form)
    found = [_identified(space, form, columns, row) for row in range(len(columns.archs))]
    require_distinct(columns, [arch_id for arch_id, _ in found])
    return found


def require_distinct(columns: Columns, found: Sequence[Any]) -> None:
    """Raise UserError if two rows of `columns` are one architecture, by its identifier or position in `found` (n,)."""
    first: dict[Any, int] = {}
    for row, one in enumerate(found):
        if (other := first.setdefault(one, row)) != row:
            raise UserError(
                f"{columns.row(row)}: column {columns.arch_column}: found {columns.archs[row]!r}, the architecture of "
                f"row {other + 1} ({columns.archs[other]!r}); expected each architecture once: keep one of them"
            )


def _require_form(space: Space[Any], form: str) -> None:
    if form not in forms(space):
        raise UserError(f"{space.name}: found the form {form!r}; expected one of {', '.join(forms(space))}")


def _is_numbered(space: Space[Any]) -> bool:
    return type(space).index is not Space.index


def _require_texts(space: Space[Any], columns: Columns) -> None:
    for row, value in enumerate(columns.archs):
        if not isinstance(value, str):
            raise _unreadable(space, TEXT, columns, row, "is not a text")


def _require_members(space: Space[Any], columns: Columns, encodings: pa.Array, positions: Integers) -> None:
    """Raise UserError if an architecture of the table is not in the sub-space."""
    for row, position in enumerate(positions):
        if position != ABSENT and not space.holds(encodings[position].as_py()):
            raise UserError(
                f"{columns.row(row)}: column {columns.arch_column}: found {columns.archs[row]!r}, "
                f"which is not in the sub-space {space.name}; remove it, or name the whole space"
            )


def _identified(space: Space[Any], form: str, columns: Columns, row: int) -> tuple[str, str]:
    try:
        arch = _read(space, form, columns.archs[row])
        text = space.format(arch)
        if not space.holds(text):
            raise UserError(f"{space.name}: is a sub-space without this architecture")
        return space.arch_id(arch), text
    except UserError as error:
        raise _unreadable(space, form, columns, row, str(error)) from None


def _read(space: Space[Any], form: str, value: Any) -> Any:
    """Return the architecture of a value. Raises UserError if the space does not have it in this form."""
    if form == TEXT:
        return space.parse(value)
    plain = _literal(value) if isinstance(value, str) else value
    if form in (INDEX, NATS_BENCH):
        # A column of numbers with an empty cell is one of fractions.
        return space.architecture(int(plain) if isinstance(plain, float) and plain.is_integer() else plain)
    return space.decode(plain, form)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UserError(f"found {text!r}, which is not a number, a list or a mapping") from None


def _unreadable(space: Space[Any], form: str, columns: Columns, row: int, reason: str) -> UserError:
    value = columns.archs[row]
    others = [f"{name} of {other}" for other, name in _readable(value) if (other, name) != (space.name, form)]
    advice = f"it can be read as {' or as '.join(others)}" if others else f"expected the form {form} of {space.name}"
    return UserError(f"{columns.row(row)}: column {columns.arch_column}: found {value!r}: {reason}; {advice}")


def _readable(value: Any) -> Sequence[tuple[str, str]]:
    """Return the spaces and forms in which a value is an architecture."""
    found = []
    for kind in spaces.KINDS.values():
        space = kind()
        for form in forms(space):
            if form == NATS_BENCH or (form == TEXT and not isinstance(value, str)):
                continue
            try:
                _read(space, form, value)
            except UserError:
                continue
            found.append((space.name, form))
    return found
