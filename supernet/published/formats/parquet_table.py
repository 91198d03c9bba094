"""Parquet files of a mirror, with known columns."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from supernet.errors import UserError


def read_parquet(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read columns of a Parquet file; UserError if it is not a Parquet file or a column is missing."""
    try:
        found = pq.read_schema(path).names
        missing = [name for name in columns if name not in found]
        if missing:
            raise UserError(
                f"{path}: the column {missing[0]} is missing; found {', '.join(found)}: is this the mirror's file?"
            )
        frame: pd.DataFrame = pq.read_table(path, columns=list(columns)).to_pandas()
        return frame
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as Parquet: {error}; fetch the file again") from error
