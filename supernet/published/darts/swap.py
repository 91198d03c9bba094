"""DARTS trained by SWAP: a CSV file without header, with a genotype and a validation accuracy in percent per line.

Both cells of a genotype are the same, and the two inputs of a node may coincide.
"""

from pathlib import Path

from supernet.published.darts.facts import facts
from supernet.published.darts.trainings import parsed
from supernet.published.formats.csv_table import read_without_header
from supernet.published.parsed import ParsedTable


def read(path: Path, table: str) -> ParsedTable:
    """Read the file; UserError if it does not have two columns or a genotype is invalid."""
    known = facts(table)
    columns = {"genotype": "str", **dict.fromkeys(known.columns, "float64")}
    return parsed(path, read_without_header(path, columns), known, first=1)
