"""The schema of published tables, and writing of their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.published.about import METADATA, About

Floats: TypeAlias = npt.NDArray[np.float64]

RUNS = tuple(f"test_acc_run{run}" for run in range(3))
_LOWEST = 0.011
"""The best architecture of a table is above this, even with 120 classes; fractions that are read as percent are not."""
COLUMNS = ("arch_id", "encoding", "valid_acc", "test_acc", *RUNS, "parameters", "uniform")
NETWORK = ("macs", "channels", "layers")
"""Further columns of tables whose networks do not have the benchmark's size: multiply-adds as published, and the size.
"""


def tabulate(
    path: Path,
    arch_id: Sequence[str],
    encoding: Sequence[str],
    test_acc: npt.ArrayLike,
    *,
    valid_acc: npt.ArrayLike | None = None,
    runs: npt.ArrayLike | None = None,
    parameters: Sequence[int | None] | npt.NDArray[np.int64] | None = None,
    uniform: bool | npt.NDArray[np.bool_] = True,
    network: Mapping[str, Sequence[int | None]] | None = None,
) -> pd.DataFrame:
    """Return rows in the schema, sorted by `arch_id`; values that a format does not have are NaN or null.

    Accuracies are fractions: `test_acc` (n,), `valid_acc` (n,), `runs` (n, up to 3) with NaN for a missing run.
    `uniform` marks rows of a uniform random sample of the space, and `network` has the columns `NETWORK`, if the table
    has them; `path` is the source file, for messages. Raises UserError if an accuracy is not a fraction, a test
    accuracy is missing or an architecture is repeated.
    """
    count = len(arch_id)
    unknown = np.full(count, np.nan)
    singles = np.full((count, len(RUNS)), np.nan)
    if runs is not None:
        given = np.asarray(runs, dtype=np.float64)
        singles[:, : given.shape[1]] = given
    try:
        counts = pd.array([pd.NA] * count if parameters is None else parameters, dtype="Int64")
    except (OverflowError, TypeError, ValueError) as error:
        raise UserError(f"{path}: found no numbers of parameters ({error}); fetch the file again") from error
    table = pd.DataFrame(
        {
            "arch_id": pd.Series(arch_id, dtype="str"),
            "encoding": pd.Series(encoding, dtype="str"),
            "valid_acc": np.asarray(unknown if valid_acc is None else valid_acc, dtype=np.float64),
            "test_acc": np.asarray(test_acc, dtype=np.float64),
            **dict(zip(RUNS, singles.T, strict=True)),
            "parameters": counts,
            "uniform": np.broadcast_to(np.asarray(uniform, dtype=bool), count),
            **{name: pd.array(values, dtype="Int64") for name, values in (network or {}).items()},
        }
    )
    table = table.sort_values("arch_id", kind="stable", ignore_index=True)
    _check(path, table)
    return table


def write(path: Path, rows: pd.DataFrame, about: About) -> None:
    """Write a table as Parquet atomically, with `about` in the metadata of the file."""
    own = [name for name in NETWORK if name in rows]
    table = pa.Table.from_pandas(rows[[*COLUMNS, *own]], preserve_index=False)
    table = table.replace_schema_metadata({**table.schema.metadata, METADATA: about.model_dump_json()})
    with publish(path) as temporary:
        pq.write_table(table, temporary)


def _check(path: Path, table: pd.DataFrame) -> None:
    repeated = table["arch_id"].duplicated()
    if repeated.any():
        raise UserError(
            f"{path}: {int(repeated.sum())} rows repeat an architecture, the first is "
            f"{_first(table, repeated)}; expected each once: fetch the file again"
        )
    for name in ("test_acc", "valid_acc", *RUNS):
        wrong = (table[name] < 0) | (table[name] > 1)
        if name == "test_acc":
            wrong |= table[name].isna()
        if wrong.any():
            raise UserError(
                f"{path}: {_first(table, wrong)}: found the {name} {table.loc[wrong, name].iloc[0]}; "
                "expected a fraction from 0 to 1: is this the published file?"
            )

    if len(table) and table["test_acc"].max() <= _LOWEST:
        raise UserError(
            f"{path}: found no test accuracy above {_LOWEST:.0%}; expected percent, but these may be fractions: "
            "fetch the file again"
        )
    words = {"parameters": "number of parameters", "macs": "number of multiply-adds"}
    for name, lowest in (("parameters", 0), ("macs", 0), ("channels", 1), ("layers", 1)):
        wrong = (table[name] < lowest).fillna(False) if name in table else pd.Series(False, table.index)
        if wrong.any():
            what = f"a negative {words[name]}" if name in words else f"{table.loc[wrong, name].iloc[0]} {name}"
            raise UserError(f"{path}: {_first(table, wrong)}: found {what}; fetch the file again")


def _first(table: pd.DataFrame, rows: Any) -> str:
    return str(table.loc[rows, "arch_id"].iloc[0])
