"""CSV files with known columns."""

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


def read_without_header(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read a CSV file that has no header, with exactly `columns` (name to dtype), in this order.

    Raises UserError if the number of columns or a value is not as expected.
    """
    try:
        found = pd.read_csv(path, header=None, dtype=dict(enumerate(columns.values())))
    except ValueError as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}; delete the file and fetch it again") from error
    if found.shape[1] != len(columns):
        raise UserError(
            f"{path}:1: found {found.shape[1]} columns; expected {len(columns)} without a header "
            f"({', '.join(columns)}): is this the file that workflow/sources.yaml names?"
        )
    return found.set_axis(list(columns), axis=1)
