"""Parquet files: the only reader, which turns every damaged or foreign file into an error with its name.

The programs that train and score read without pandas, whose import takes 40 MB and 0.2 s.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.provenance.recorder import note_input

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 20_000_000
"""Largest accepted number of rows; NASBench-101 has 423 624 architectures, of which a run has at most eight scores."""
MAX_BYTES = 2 << 30
"""Largest accepted size of the unpacked columns."""

KINDS: Mapping[str, Callable[[pa.DataType], bool]] = MappingProxyType(
    {
        "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "bytes": lambda kind: pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind),
        "integers": pa.types.is_integer,
        "numbers": lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind),
        "true or false": pa.types.is_boolean,
    }
)
"""What the values of a column are, and the types that have such values."""


def read_columns(path: Path, **columns: str) -> list[list[Any]]:
    """Return the values of each named column, in this order; null is None.

    `columns` maps the name of each column to its kind (`KINDS`). Raises UserError if the file is damaged, or a column
    is missing or of another kind.
    """
    table = read_arrow(note_input(path), columns)
    return [table[name].to_pylist() for name in columns]


def read_arrow(path: Path | str, columns: Mapping[str, str]) -> pa.Table:
    """Return columns of a file, by name and kind (`KINDS`). Raises UserError as `read_columns` does."""
    with opened(path) as file:
        _expect(path, list(columns), file.schema_arrow.names)
        # A table without rows has columns of any type.
        if file.metadata.num_rows:
            _check_schema(path, file.schema_arrow, columns)
        table = file.read(list(columns))
        table.validate(full=True)
        return table


def read_table(path: Path | str, *required: str) -> "pd.DataFrame":
    """Read all columns as a table of pandas. Raises UserError if the file is damaged or lacks a required column."""
    with opened(note_input(Path(path))) as file:
        _expect(path, required, file.schema_arrow.names)
        table = file.read()
        table.validate(full=True)
        frame: pd.DataFrame = table.to_pandas()
        return frame


def row_count(path: Path | str) -> int:
    """Return the number of rows without reading them. Raises UserError if the file is missing or damaged."""
    with opened(path) as file:
        return int(file.metadata.num_rows)


@contextmanager
def opened(path: Path | str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file. Raises UserError if it is missing, damaged or too large, also while it is read."""
    try:
        with pq.ParquetFile(path) as file:
            head = file.metadata
            # Not the sizes of columns: for damaged statistics of a column, pyarrow ends the process.
            size = sum(head.row_group(number).total_byte_size for number in range(head.num_row_groups))
            if head.num_rows > MAX_ROWS or size > MAX_BYTES:
                raise UserError(f"{path}: has {head.num_rows} rows of {size} bytes; expected a table of this project")
            yield file
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a Parquet file") from None
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, OverflowError, MemoryError) as error:
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{path}: not a Parquet file, or a damaged one ({what}); make or fetch it again") from error


def _check_schema(path: Path | str, schema: pa.Schema, columns: Mapping[str, str]) -> None:
    for name, kind in columns.items():
        if schema.names.count(name) > 1:
            raise UserError(f"{path}: has the column {name} more than once; make or fetch it again")
        found = schema.field(name).type
        # A column without any value has no type.
        if not KINDS[kind](found) and not pa.types.is_null(found):
            raise UserError(f"{path}: column {name}: found values of type {found}; expected {kind}")


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with equal keys atomically; the same content gives the same bytes.

    The values of a column are all strings or all numbers; other values, such as None, raise TypeError.
    """
    names = list(rows[0]) if rows else []
    with publish(path) as temporary:
        pq.write_table(pa.table([_column([row[name] for row in rows]) for name in names], names), temporary)


def parquet_bytes(columns: Mapping[str, tuple[str, Sequence[Any]]]) -> bytes:
    """Return the content of a Parquet file; the same values give the same bytes.

    `columns` maps the name of each column to its kind (`text`, `integers` or `numbers`) and its values; None is null.
    """
    table = pa.table([_nullable(kind, values) for kind, values in columns.values()], list(columns))
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream)
    content: bytes = stream.getvalue().to_pybytes()
    return content


def _expect(path: Path | str, names: Sequence[str], there: Sequence[str]) -> None:
    missing = [name for name in names if name not in there]
    if missing:
        found = ", ".join(there)
        raise UserError(f"{path}: found no column {', '.join(missing)} among {found}; make or fetch it again")


def _column(values: list[Any]) -> pa.Array:
    if all(isinstance(value, str) for value in values):
        return _array([value.encode() for value in values])
    numbers = np.array(values)
    if numbers.dtype not in (np.int64, np.float64):
        raise TypeError(f"expected a column of texts or of numbers, found {values[:3]}")
    return _array(numbers)


def _nullable(kind: str, values: Sequence[Any]) -> pa.Array:
    known = np.array([value is not None for value in values], dtype=bool)
    bits = None if known.all() else pa.py_buffer(np.packbits(known, bitorder="little").tobytes())
    if kind == "text":
        return _array([b"" if value is None else value.encode() for value in values], bits)
    numbers = np.array([0 if value is None else value for value in values])
    dtype = {"integers": np.int64, "numbers": np.float64}[kind]
    if len(numbers) and not np.can_cast(numbers.dtype, dtype):
        raise TypeError(f"expected a column of {kind}, found {list(values[:3])}")
    return _array(numbers.astype(dtype), bits)


def _array(values: list[bytes] | npt.NDArray[Any], known: pa.Buffer | None = None) -> pa.Array:
    """Build an array from buffers, because pyarrow imports pandas to convert Python values.

    `known` has a bit per value, which is 0 for null.
    """
    if isinstance(values, list):
        ends = np.cumsum([0, *map(len, values)], dtype=np.int32)
        buffers = [known, pa.py_buffer(ends), pa.py_buffer(b"".join(values))]
        return pa.Array.from_buffers(pa.string(), len(values), buffers)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [known, pa.py_buffer(values)])
