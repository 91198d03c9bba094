"""Published numbers of others, shown in a separate column of a table, each with its source."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from supernet.config.factors import FACTORS
from supernet.config.validation import did_you_mean
from supernet.errors import UserError
from supernet.provenance.recorder import note_input

COLUMNS = ("table", "row", "value", "source")


@dataclass(frozen=True)
class PublishedNumbers:
    """Published numbers of one table, by row; `sources` are numbered from 1 in the order in which they occur.

    Row names are the key columns of the table's CSV file, joined by spaces (`nasbench201 baseline s_kdt`).
    """

    rows: Mapping[str, str]
    sources: Mapping[str, int]

    @classmethod
    def load(cls, path: Path | None, table: str) -> Self:
        """Read the numbers of a table from a CSV file; without a file there are none.

        Raises UserError with the number of an invalid line.
        """
        if path is None:
            return cls({}, {})
        rows: dict[str, str] = {}
        sources: dict[str, int] = {}
        for line, entry in _entries(path):
            if entry["table"] != table:
                continue
            if entry["row"] in rows:
                raise UserError(f"{path}:{line}: row: found {entry['row']!r}; this row of table {table} is a duplicate")
            number = sources.setdefault(entry["source"], len(sources) + 1)
            rows[entry["row"]] = f"{entry['value']} [{number}]"
        return cls(rows, sources)

    def cell(self, named: Mapping[str, str]) -> str:
        """Return the numbers of several rows as one cell: `KdT 0.52 [1], S-KdT 0.46 [1]`."""
        return ", ".join(f"{name} {self.rows[row]}" for name, row in named.items() if row in self.rows)

    def notes(self, rows: Iterable[str]) -> tuple[str, ...]:
        """Return the list of sources, and the published rows that are not among the rows of the table."""
        unused = sorted(set(self.rows) - set(rows))
        cited = tuple(f"[{number}] {source}" for source, number in self.sources.items())
        return (*cited, f"Published, but not in this study: {'; '.join(unused)}.") if unused else cited


def _entries(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        text = note_input(path, "source").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a file with only the header is valid: {','.join(COLUMNS)}") from None
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UserError(f"{path}:1: found the header {reader.fieldnames}; expected {','.join(COLUMNS)}")
    for entry in reader:
        for name in COLUMNS:
            if not (entry[name] or "").strip() or None in entry:
                raise UserError(
                    f"{path}:{reader.line_num}: {name}: found {entry[name]!r}; every line needs {', '.join(COLUMNS)}, "
                    "and values with commas need quotes"
                )
        if entry["table"] not in FACTORS:
            raise UserError(
                f"{path}:{reader.line_num}: table: found {entry['table']!r}; published numbers belong to the table of "
                f"a factor; {did_you_mean(entry['table'], FACTORS)}"
            )
        yield reader.line_num, entry
