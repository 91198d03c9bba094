"""Parquet files of the programs that train and score, without pandas: it costs 50 MB and a third of a second."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from supernet.errors import UserError
from supernet.files import publish
from supernet.provenance import reading


def read_columns(path: Path, *names: str) -> list[list[Any]]:
    """The columns of these names, in this order; None where there is no value. UserError if one is missing."""
    with pq.ParquetFile(reading(path)) as file:
        there = file.schema_arrow.names
        missing = [name for name in names if name not in there]
        if missing:
            raise UserError(f"{path}: found no column {', '.join(missing)} among {', '.join(there)}; make it again")
        table = file.read(list(names))
    return [table[name].to_pylist() for name in names]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of the same keys, atomically and with the same bytes for the same content."""
    with publish(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows), temporary)
