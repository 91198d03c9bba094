"""CSV files with a known header."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from supernet.errors import UserError


def read_csv(path: Path, columns: Mapping[str, str], used: tuple[str, ...]) -> pd.DataFrame:
    """Read the columns `used` of a CSV file whose header is exactly `columns` (name to dtype), in this order.

    Raises UserError if the header or a value is not as expected.
    """
    try:
        found = list(pd.read_csv(path, nrows=0).columns)
        if found != list(columns):
            raise UserError(
                f"{path}:1: found the columns {', '.join(found)}; expected {', '.join(columns)}: "
                "is this the file that workflow/sources.yaml names?"
            )
        return pd.read_csv(path, usecols=list(used), dtype={name: columns[name] for name in used})
    except ValueError as error:  # from pandas: text instead of a number, wrong number of fields, no header
        raise UserError(f"{path}: cannot be read as CSV: {error}; delete the file and fetch it again") from error
