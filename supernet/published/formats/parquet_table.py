"""Parquet files of a mirror, with known columns."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from supernet.errors import UserError
from supernet.io.parquet import read_arrow


def read_parquet(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read columns, by name and kind (`supernet.io.parquet.KINDS`), of a Parquet file without missing values.

    Raises UserError if it is not a Parquet file, or if a column is missing, of another kind or without a value.
    """
    table = read_arrow(path, columns)
    for name in columns:
        if table[name].null_count:
            raise UserError(f"{path}: column {name}: {table[name].null_count} values are missing; fetch the file again")
    frame: pd.DataFrame = table.to_pandas()
    return frame
