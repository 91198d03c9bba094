"""DARTS, Parquet files of a mirror: columns `genotype` and those of `supernet.published.darts.facts`."""

from pathlib import Path

from supernet.published.darts.facts import facts
from supernet.published.darts.trainings import parsed
from supernet.published.formats.parquet_table import read_parquet
from supernet.published.parsed import ParsedTable


def read(path: Path, table: str) -> ParsedTable:
    """Read a table by name; UserError if a column is missing or a genotype is invalid."""
    known = facts(table)
    numbers = dict.fromkeys(known.columns, "numbers")
    return parsed(path, read_parquet(path, {"genotype": "text", **numbers}), known, first=0)
