"""Tables of numbers on the site: cells with text, a value to sort by, and a link to the runs."""

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pandas as pd

from supernet.paper.names import ABSENT


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: `order` is the sort key, empty for a missing number; `href` is relative to the page, or empty."""

    text: str
    order: str
    number: bool = False
    href: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Column names, whether each column is numeric, and rows of cells."""

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]


def run_page(space: str, setting: str, seed: int | None = None) -> str:
    """Return the address of a setting's page, or of one run on it, relative to the site's folder."""
    anchor = "" if seed is None else f"#seed{seed}"
    return f"runs/{quote(space)}/{quote(setting)}.html{anchor}"


def grid(table: pd.DataFrame, runs: frozenset[tuple[str, str]], hidden: tuple[str, ...] = ()) -> Grid:
    """Convert a table; `setting` (with `seed`, if present) links to its page, `space` to the list of its runs.

    `runs` are the (space, setting) pairs that have a page. Columns of `hidden` are used for links but not shown.
    """
    columns = tuple(str(column) for column in table.columns if column not in hidden)
    numeric = tuple(pd.api.types.is_numeric_dtype(table[column]) for column in columns)
    rows = []
    for values in table.itertuples(index=False, name=None):
        row = dict(zip(map(str, table.columns), values, strict=True))
        rows.append(tuple(_cell(name, row, runs) for name in columns))
    return Grid(columns, numeric, tuple(rows))


def _cell(name: str, row: dict[str, Any], runs: frozenset[tuple[str, str]]) -> Cell:
    value = row[name]
    if isinstance(value, str):
        return Cell(value, value, href=_link(name, row, runs))
    if value is None or pd.isna(value):
        return Cell(ABSENT, "", number=True)
    number = float(value)
    text = str(int(number)) if number.is_integer() and abs(number) < 1e15 else f"{number:.4g}"
    order = repr(number) if math.isfinite(number) else ""
    return Cell(text.replace("-", "\u2212"), order, number=True)


def _link(name: str, row: dict[str, Any], runs: frozenset[tuple[str, str]]) -> str:
    space, setting, seed = row.get("space"), row.get("setting"), row.get("seed")
    if name == "setting" and (space, setting) in runs:
        return run_page(str(space), str(setting), None if seed is None or pd.isna(seed) else int(seed))
    if name == "space" and any(space == known for known, _ in runs):
        return f"runs.html#{quote(str(space))}"
    return ""
