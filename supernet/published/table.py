"""A published table in memory: columns as arrays, and look-up of many architectures at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from supernet.errors import UserError
from supernet.io.parquet import opened, read_arrow
from supernet.provenance.recorder import note_input
from supernet.published.about import About, read_about
from supernet.published.schema import COLUMNS, NETWORK, RUNS, Floats

_ACCURACIES = ("valid_acc", "test_acc", *RUNS)
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "arch_id": "text",
        "encoding": "text",
        **dict.fromkeys(_ACCURACIES, "numbers"),
        **dict.fromkeys(("parameters", *NETWORK), "integers"),
        "uniform": "true or false",
    }
)

FEWEST_REPEATED = 0.05
"""Smallest share of rows with a run: fewer happen to be trained again, and do not represent the table."""

Positions: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PublishedTable:
    """Ground truth of a space, with one row per architecture, sorted by `arch_id`."""

    path: Path
    about: About
    data: Any
    """The loaded columns as a `pyarrow.Table`, which has no Python strings and so needs less memory."""

    @classmethod
    def load(cls, path: Path, columns: Sequence[str] = COLUMNS) -> Self:
        """Load columns of a table that scripts/published.py wrote; `arch_id` is always loaded.

        With `parameters`, the columns of `NETWORK` are loaded too if the table has them. Raises UserError if the file
        is not such a table or a column does not exist.
        """
        unknown = [name for name in columns if name not in COLUMNS]
        if unknown:
            raise UserError(f"{path}: found the column {unknown[0]!r}; a published table has {', '.join(COLUMNS)}")
        about = read_about(path)
        kinds = {name: _KINDS[name] for name in COLUMNS if name in columns or name == "arch_id"}
        if "parameters" in kinds:
            with opened(path) as file:
                kinds |= {name: _KINDS[name] for name in NETWORK if name in file.schema_arrow.names}
        # The metadata of pandas could hold anything, and are not needed.
        table = read_arrow(note_input(path), kinds).replace_schema_metadata(None)
        _check(path, table)
        return cls(path, about, table)

    def __len__(self) -> int:
        return int(self.data.num_rows)

    def column(self, name: str) -> Any:
        """Return a loaded numeric or Boolean column as an array (n,)."""
        return self.data.column(name).to_numpy()

    @property
    def test_acc(self) -> Floats:
        """Test accuracies (n,) as fractions: the ground truth."""
        return np.asarray(self.column("test_acc"), dtype=np.float64)

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the loaded runs that a ceiling can use: those that `FEWEST_REPEATED` of the rows or more have."""
        known = [name for name in RUNS if name in self.data.column_names]
        fewest = max(1, FEWEST_REPEATED * len(self))
        return tuple(name for name in known if np.isfinite(self.column(name)).sum() >= fewest)

    @property
    def networks(self) -> pd.DataFrame | None:
        """Parameters and the columns of `NETWORK`, one row per architecture; None if the table does not have them."""
        if not set(NETWORK) <= set(self.data.column_names):
            return None
        return self.take(np.arange(len(self)))[["parameters", *NETWORK]]

    @property
    def uniform(self) -> npt.NDArray[np.bool_]:
        """Whether each row (n,) belongs to a uniform random sample of the space."""
        return np.asarray(self.column("uniform"), dtype=np.bool_)

    def rows(self, arch_ids: Iterable[str]) -> Positions:
        """Return the positions (m,) of architectures, in the given order; UserError if one is not in the table."""
        known = self.data.column("arch_id").combine_chunks()
        wanted = pa.array(list(arch_ids), known.type)
        found = pc.index_in(wanted, value_set=known)
        if found.null_count:
            raise self._missing(wanted.filter(found.is_null()), len(wanted))
        return np.asarray(found.to_numpy(), dtype=np.int64)

    def take(self, positions: npt.ArrayLike) -> pd.DataFrame:
        """Return the loaded columns of the rows at `positions` (m,), in this order."""
        taken = self.data.take(pa.array(np.asarray(positions, dtype=np.int64)))
        frame: pd.DataFrame = taken.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return frame

    def _missing(self, missing: Any, wanted: int) -> UserError:
        about = self.about
        return UserError(
            f"{self.path}: no ground truth for {missing[0]}: {len(missing)} of {wanted} architectures are not in "
            f"the table {about.table} (form {about.form}: {about.extent()}); "
            "choose architectures of the table, or fetch a complete form (docs/use/tables.md)"
        )


def _check(path: Path, table: Any) -> None:
    """Raise UserError if the loaded columns have values that no table of this project has."""
    advice = "make it again with scripts/published.py"
    for name in ("arch_id", "encoding", "test_acc", "uniform"):
        if name in table.column_names and table[name].null_count:
            raise UserError(f"{path}: column {name}: {table[name].null_count} values are missing; {advice}")
    ids = table["arch_id"].combine_chunks()
    if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
        raise UserError(f"{path}: is not sorted by arch_id, or has an architecture more than once; {advice}")
    for name in (name for name in _ACCURACIES if name in table.column_names):
        values = np.asarray(table[name].to_numpy(), dtype=np.float64)
        wrong = (values < 0) | (values > 1) | (np.isnan(values) if name == "test_acc" else False)
        if wrong.any():
            row = int(wrong.argmax())
            raise UserError(f"{path}: row {row}: {name}: found {values[row]}; expected 0 to 1: {advice}")
