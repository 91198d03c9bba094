"""Selection of rows in a table of results, and of the runs that these rows depend on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from supernet.errors import UserError


@dataclass(frozen=True)
class Selection:
    """Rows of a table with their spaces, settings and seeds; a set is empty if the table has no such column."""

    rows: pd.DataFrame
    spaces: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()
    seeds: frozenset[str] = frozenset()

    def may_use(self, space: str, setting: str, seed: str) -> bool:
        """Return whether the rows may depend on a run; an empty set allows every value."""
        wanted = ((self.spaces, space), (self.settings, setting), (self.seeds, seed))
        return all(not allowed or value in allowed for allowed, value in wanted)


def select(path: str, wanted: Mapping[str, str]) -> Selection:
    """Return the rows of a CSV or Parquet file whose columns have the values of `wanted`, compared as text.

    Raises UserError for other kinds of files, for an unknown column, and if no row is left.
    """
    readers: dict[str, Callable[[str], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    reader = readers.get(Path(path).suffix)
    if reader is None:
        raise UserError(f"{path}: rows can only be selected in {' and '.join(readers)} files; leave out --row")
    rows = reader(path)
    for column, value in wanted.items():
        if column not in rows:
            raise UserError(f"{path}: found no column {column!r}; expected one of {', '.join(map(str, rows.columns))}")
        values = rows[column].map(cell)
        if not (values == value).any():
            there = ", ".join(dict.fromkeys(values))
            raise UserError(f"{path}: {column}: found no row with {value!r} left; there are {there}")
        rows = rows[values == value]
    if "setting" not in rows and {"row", "name"} <= set(rows):
        # Tables of factors have references and settings in one column.
        rows = rows.assign(setting=rows["name"].where(rows["row"] == "setting"))
    return Selection(rows, *(_values(rows, name) for name in ("space", "setting", "seed")))


def cell(value: Any) -> str:
    """Return a value as typed on a command line: whole numbers without a decimal point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _values(rows: pd.DataFrame, column: str) -> frozenset[str]:
    return frozenset(map(cell, rows[column].dropna())) if column in rows else frozenset()
