"""Some rows of a table of results, and which runs stand behind them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from supernet.errors import UserError


@dataclass(frozen=True)
class Selection:
    """Rows of a table, and the spaces, settings and seeds that stand in them; empty sets where they name none."""

    rows: pd.DataFrame
    spaces: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()
    seeds: frozenset[str] = frozenset()

    def may_use(self, space: str, setting: str, seed: str) -> bool:
        """Whether a run may stand behind these rows."""
        wanted = ((self.spaces, space), (self.settings, setting), (self.seeds, seed))
        return all(not allowed or value in allowed for allowed, value in wanted)


def select(path: str, wanted: Mapping[str, str]) -> Selection:
    """The rows of a CSV or Parquet file whose columns have these values, compared as text.

    UserError for another kind of file, an unknown column, or no such row.
    """
    readers: dict[str, Callable[[str], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    reader = readers.get(Path(path).suffix)
    if reader is None:
        raise UserError(f"{path}: rows can be chosen from {' and '.join(readers)} files; leave out --row")
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
        # Tables of factors name references and settings in one column.
        rows = rows.assign(setting=rows["name"].where(rows["row"] == "setting"))
    return Selection(rows, *(_values(rows, name) for name in ("space", "setting", "seed")))


def cell(value: Any) -> str:
    """A value as it is typed on a command line: whole numbers without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _values(rows: pd.DataFrame, column: str) -> frozenset[str]:
    return frozenset(map(cell, rows[column].dropna())) if column in rows else frozenset()
