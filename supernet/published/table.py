"""A published table in memory: columns as arrays, and look-up of many architectures at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from supernet.errors import UserError
from supernet.provenance.recorder import note_input
from supernet.published.about import About, read_about
from supernet.published.schema import COLUMNS, Floats

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

        Raises UserError if the file is not such a table or a column does not exist.
        """
        unknown = [name for name in columns if name not in COLUMNS]
        if unknown:
            raise UserError(f"{path}: found the column {unknown[0]!r}; a published table has {', '.join(COLUMNS)}")
        about = read_about(path)
        names = [name for name in COLUMNS if name in columns or name == "arch_id"]
        return cls(path, about, pq.read_table(note_input(path), columns=names))

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
        frame: pd.DataFrame = self.data.take(pa.array(np.asarray(positions))).to_pandas()
        return frame

    def _missing(self, missing: Any, wanted: int) -> UserError:
        about = self.about
        return UserError(
            f"{self.path}: no ground truth for {missing[0]}: {len(missing)} of {wanted} architectures are not in "
            f"the table {about.table} (form {about.form}: {about.extent()}); "
            "choose architectures of the table, or fetch a complete form (docs/use/tables.md)"
        )
