"""Parquet files, without pandas for the programs that train and score: its import takes 40 MB and 0.2 s.

`read_table` alone imports it.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.provenance.recorder import note_input

if TYPE_CHECKING:
    import pandas as pd


def read_columns(path: Path, *names: str) -> list[list[Any]]:
    """Return the values of each named column, in this order; null is None.

    Raises UserError if the file does not exist, is not a Parquet file or lacks a column.
    """
    with _named(path), pq.ParquetFile(note_input(path)) as file:
        _expect(path, names, file.schema_arrow.names)
        table = file.read(list(names))
    return [table[name].to_pylist() for name in names]


def read_table(path: Path | str, *required: str) -> "pd.DataFrame":
    """Read all columns as a table of pandas.

    Raises UserError if the file does not exist, is not a Parquet file or lacks a required column.
    """
    import pandas as pd

    with _named(path):
        table = pd.read_parquet(note_input(Path(path)))
    _expect(path, required, list(table.columns))
    return table


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with equal keys atomically; the same content gives the same bytes.

    The values of a column are all strings or all numbers; other values, such as None, raise TypeError.
    """
    names = list(rows[0]) if rows else []
    with publish(path) as temporary:
        pq.write_table(pa.table([_column([row[name] for row in rows]) for name in names], names), temporary)


@contextlib.contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Name the file in errors of pyarrow."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file; expected a Parquet file")
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({error}); make it again") from error


def _expect(path: Path | str, names: Sequence[str], there: Sequence[str]) -> None:
    missing = [name for name in names if name not in there]
    if missing:
        raise UserError(f"{path}: found no column {', '.join(missing)} among {', '.join(there)}; make it again")


def _column(values: list[Any]) -> pa.Array:
    """Build an array from buffers, because pyarrow imports pandas to convert Python values."""
    if all(isinstance(value, str) for value in values):
        texts = [value.encode() for value in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        return pa.Array.from_buffers(pa.string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))])
    numbers = np.array(values)
    if numbers.dtype not in (np.int64, np.float64):
        raise TypeError(f"expected a column of texts or of numbers, found {values[:3]}")
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), len(numbers), [None, pa.py_buffer(numbers)])
