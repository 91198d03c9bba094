"""Published accuracies of one space on several data sets, as the library of NATS-Bench gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd

from supernet import spaces
from supernet.errors import UserError
from supernet.published.schema import RUNS
from supernet.published.table import PublishedTable
from supernet.spaces.base import Space
from supernet.spaces.conventions import is_integer


class Published(NamedTuple):
    """What a table says about an architecture: accuracies as fractions; None where the table has no value."""

    test_acc: float
    valid_acc: float | None
    runs: tuple[float, ...]
    """Test accuracy of each run; empty if the table has means only."""
    parameters: int | None


@dataclass(frozen=True)
class Benchmark:
    """Published tables of one space, by data set.

    An architecture is given as `Space.parse` accepts it, or by its number if its benchmark has numbers:

        tables = "resources/tables"
        benchmark = Benchmark.load(f"{tables}/nasbench201.parquet", f"{tables}/nasbench201-cifar100.parquet")
        benchmark.query(6111, "cifar100").test_acc
    """

    space: Space[Any]
    tables: Mapping[str, PublishedTable]

    @classmethod
    def load(cls, *paths: Path | str) -> Self:
        """Load tables that scripts/published.py wrote.

        Raises UserError if there is none, if they belong to several spaces, and if two have the same data set.
        """
        if not paths:
            raise UserError("found no table; expected the path of at least one published table")
        tables = [PublishedTable.load(Path(path)) for path in paths]
        first = tables[0]
        by_dataset: dict[str, PublishedTable] = {}
        for table in tables:
            if table.about.space != first.about.space:
                raise UserError(
                    f"{table.path}: found a table of {table.about.space}; "
                    f"expected one of {first.about.space}, as {first.path}"
                )
            if table.about.dataset in by_dataset:
                raise UserError(
                    f"{table.path}: found a second table of {table.about.dataset}; "
                    f"expected one per data set: the first is {by_dataset[table.about.dataset].path}"
                )
            by_dataset[table.about.dataset] = table
        return cls(spaces.load(first.about.space), by_dataset)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets, in the order of the given tables."""
        return tuple(self.tables)

    def index(self, architecture: Any) -> int:
        """Return the number of an architecture in its benchmark; UserError if the benchmark has no numbers."""
        return self.space.index(self._arch(architecture))

    def architecture(self, index: int) -> str:
        """Return the text of the architecture of a number; UserError if there is none."""
        return self.space.format(self.space.architecture(index))

    def query(self, architecture: Any, dataset: str) -> Published:
        """Return the published values of an architecture on one data set.

        Raises UserError if there is no table of the data set, or if the table does not have the architecture.
        """
        if dataset not in self.tables:
            raise UserError(f"found the data set {dataset!r}; expected one of {', '.join(self.tables)}")
        table = self.tables[dataset]
        row = table.take(table.rows([self.space.arch_id(self._arch(architecture))])).iloc[0]
        return Published(
            test_acc=float(row["test_acc"]),
            valid_acc=None if pd.isna(row["valid_acc"]) else float(row["valid_acc"]),
            runs=tuple(float(row[name]) for name in RUNS if not pd.isna(row[name])),
            parameters=None if pd.isna(row["parameters"]) else int(row["parameters"]),
        )

    def _arch(self, architecture: Any) -> Any:
        return (self.space.architecture if is_integer(architecture) else self.space.parse)(architecture)
