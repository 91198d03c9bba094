"""Reads a column of architectures and columns of numbers, from a CSV or Parquet file or a data frame."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from supernet.errors import UserError
from supernet.io.parquet import read_table
from supernet.metrics.arrays import Floats
from supernet.provenance.recorder import note_input

PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Columns:
    """Architectures as they are written, and numbers (n,) by the name of their column; `where` is for messages."""

    where: str
    arch_column: str
    archs: Sequence[Any]
    numbers: Mapping[str, Floats]

    def row(self, position: int) -> str:
        """Name a row by its number, for messages; the first row below the header is 1."""
        return f"{self.where}: row {position + 1}"


def read_columns(
    source: Path | str | pd.DataFrame, arch_column: str, number_columns: Sequence[str], *, option: str, unnamed: str
) -> Columns:
    """Read architectures and columns of finite numbers; without names, the only other column of the table.

    `option` and `unnamed` are the options that name the architecture column and the others, for messages. Raises
    UserError if the source cannot be read, a column is missing, or a value is not a finite number.
    """
    where, table = _table(source)
    _expect(where, table, arch_column, f"name the column of architectures with {option}")
    chosen = list(dict.fromkeys(number_columns)) or _only_other(where, table, arch_column, unnamed)
    for name in chosen:
        _expect(where, table, name, f"name it with {unnamed}")
        if name == arch_column:
            raise UserError(f"{where}: column {name}: found it as architectures and as numbers; name another one")
    if table.empty:
        raise UserError(f"{where}: found no rows; expected one row per architecture")
    archs = table[arch_column]
    if archs.isna().any() or (archs == "").any():
        row = int(np.argmax(archs.isna() | (archs == "")))
        raise UserError(f"{where}: row {row + 1}: column {arch_column}: found nothing; expected an architecture")
    return Columns(where, arch_column, archs.tolist(), {name: _numbers(where, table, name) for name in chosen})


def _table(source: Path | str | pd.DataFrame) -> tuple[str, pd.DataFrame]:
    if isinstance(source, pd.DataFrame):
        return "data frame", source
    path = Path(source)
    if path.suffix.lower() in PARQUET:
        return str(path), read_table(path)
    try:
        with pyarrow.csv.open_csv(note_input(path)) as opened:
            names = opened.schema.names
        # All values as text, so that messages show them as they are written.
        texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        table = pyarrow.csv.read_csv(path, convert_options=texts)
    except (OSError, pa.ArrowException) as error:
        raise UserError(
            f"{path}: cannot be read as CSV ({str(error).splitlines()[0]}); expected UTF-8 text with commas and a "
            f"header, or a file that ends in {PARQUET[0]}"
        ) from error
    return str(path), table.to_pandas()


def _expect(where: str, table: pd.DataFrame, name: str, remedy: str) -> None:
    names = list(map(str, table.columns))
    if names.count(name) == 1:
        return
    if name in names:
        raise UserError(f"{where}: found the column {name} more than once; rename one of them")
    near = difflib.get_close_matches(name, names, n=1)
    question = f"did you mean {near[0]!r}? " if near else ""
    raise UserError(f"{where}: found no column {name!r} among {', '.join(names)}; {question}{remedy}")


def _only_other(where: str, table: pd.DataFrame, arch_column: str, unnamed: str) -> list[str]:
    others = [str(name) for name in table.columns if name != arch_column]
    if len(others) != 1:
        raise UserError(
            f"{where}: found {len(others)} columns besides {arch_column} ({', '.join(others)}); "
            f"name those to use with {unnamed}"
        )
    return others


def _numbers(where: str, table: pd.DataFrame, name: str) -> Floats:
    column = table[name]
    # Booleans would become 0 and 1.
    written = column.astype(str) if column.dtype == bool else column
    numbers: Floats = pd.to_numeric(written, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        row = int(wrong.argmax())
        value = column.tolist()[row]
        raise UserError(
            f"{where}: row {row + 1}: column {name}: found {value!r}; expected a finite number in every row "
            f"({int(wrong.sum())} of {len(numbers)} rows have none): remove these rows, and report their number"
        )
    return numbers
