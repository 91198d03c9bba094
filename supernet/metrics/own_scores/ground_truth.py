"""The ground truth that scores are compared with: a published table of this project, or a table of others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from supernet.config.artifacts import Artifacts
from supernet.errors import UserError
from supernet.io.parquet import opened
from supernet.metrics.arrays import Floats
from supernet.metrics.own_scores.columns import PARQUET, Columns, read_columns
from supernet.metrics.own_scores.forms import TEXT, identified
from supernet.metrics.population import population_of
from supernet.metrics.replicates import published_replicates, replicates
from supernet.published.about import METADATA
from supernet.published.schema import RUNS
from supernet.published.table import PublishedTable
from supernet.spaces.base import Space

UNITS = ("fraction", "percent")


@dataclass(frozen=True)
class TableFormat:
    """How a table that this project did not write is read: its columns, form of architectures, unit of accuracies."""

    arch_column: str = "arch"
    accuracy_column: str = "accuracy"
    form: str = TEXT
    unit: str | None = None


@dataclass(frozen=True)
class KnownTruth:
    """Ground truth of architectures (N,), sorted by `arch_id`.

    `runs` (N, r) are single trainings, nan where there is none, r = 0 in a table of means. `replicates` (groups, 2) are
    accuracies of pairs that compute the same function. `population` is the ground truth in which P>R takes its rank;
    `kind` is table (the whole space), sample (uniform), listed (a published table of a part of the space) or given
    (anything else). `networks` has what `published_costs` needs if the networks do not have the benchmark's size.
    """

    where: str
    source: str
    arch_ids: pa.Array
    encodings: pa.Array
    accuracy: Floats
    runs: Floats
    replicates: Floats
    population: Floats
    kind: str
    networks: pd.DataFrame | None = None


def known_truth(
    space: Space[Any], table: Path | str | pd.DataFrame | None, format: TableFormat, resources: str
) -> KnownTruth:
    """Read the ground truth of a space.

    `table` is a file of this project (`scripts/published.py`), another CSV or Parquet file or a data frame, the name of
    a published table in the folder `resources`, or None for the first one of the space. Raises UserError if it cannot
    be read, or is a table of another space.
    """
    if isinstance(table, pd.DataFrame):
        return _of_others(space, table, format)
    path = _path(space, table, resources)
    return _published(space, path) if _is_published(path) else _of_others(space, path, format)


def _path(space: Space[Any], table: Path | str | None, resources: str) -> Path:
    if table is not None and (Path(table).exists() or Path(table).suffix):
        return Path(table)
    name = space.published[0] if table is None else str(table)
    path = Path(Artifacts("", resources).published(name))
    if not path.exists():
        raise UserError(
            f"{path}: no such file; make it with `scripts/published.py --table {name} --output {path}` "
            "(docs/use/tables.md), or name another file with --table"
        )
    return path


def _is_published(path: Path) -> bool:
    if path.suffix.lower() not in PARQUET:
        return False
    with opened(path) as file:
        return METADATA in (file.schema_arrow.metadata or {})


def _published(space: Space[Any], path: Path) -> KnownTruth:
    table = PublishedTable.load(path, ["encoding", "test_acc", *RUNS, "parameters", "uniform"])
    # Of a sub-space, the rows that are its members; of another space, an error.
    population = population_of(table, space)
    runs = np.array([table.column(name) for name in table.runs], dtype=np.float64).reshape(-1, len(table)).T
    return KnownTruth(
        where=str(path),
        replicates=published_replicates(space, table),
        source=population.source,
        arch_ids=table.data.column("arch_id").combine_chunks(),
        encodings=table.data.column("encoding").combine_chunks(),
        accuracy=table.test_acc,
        runs=runs,
        population=population.truth,
        kind=population.kind,
        networks=table.networks,
    )


def _of_others(space: Space[Any], source: Path | pd.DataFrame, format: TableFormat) -> KnownTruth:
    columns = read_columns(
        source,
        format.arch_column,
        [format.accuracy_column],
        option="--table-arch-column",
        unnamed="--accuracy-column",
    )
    accuracy = _fractions(columns, format)
    found = identified(space, format.form, columns)
    order = sorted(range(len(found)), key=lambda row: found[row])
    encodings = [found[row][1] for row in order]
    return KnownTruth(
        where=columns.where,
        source=f"{columns.where}, column {format.accuracy_column}: {len(found)} architectures",
        arch_ids=pa.array([found[row][0] for row in order], pa.string()),
        encodings=pa.array(encodings, pa.string()),
        accuracy=accuracy[order],
        runs=np.empty((len(found), 0)),
        replicates=replicates(space, encodings, accuracy[order]),
        population=accuracy[order],
        kind="table" if len(found) == space.distinct else "given",
    )


def _fractions(columns: Columns, format: TableFormat) -> Floats:
    """Return accuracies as fractions; UserError unless their unit is given, and the values agree with it."""
    name = format.accuracy_column
    values = columns.numbers[name]
    extent = f"{columns.where}: column {name}: found values from {values.min():g} to {values.max():g}"
    if format.unit is None:
        raise UserError(f"{extent}; state their unit: --accuracy-unit fraction, or --accuracy-unit percent")
    if format.unit not in UNITS:
        raise UserError(f"accuracy unit: found {format.unit!r}; expected one of {', '.join(UNITS)}")
    most = 1 if format.unit == "fraction" else 100
    # Percent of at most 1 would be below chance in every benchmark.
    if values.min() < 0 or values.max() > most or (most == 100 and values.max() <= 1):
        raise UserError(f"{extent}, which are not accuracies in the unit {format.unit}; is it the other unit?")
    return values / most
