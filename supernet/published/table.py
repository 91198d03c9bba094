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
    """Ground truth of a space, sorted by `arch_id`; row k of every column is the same architecture."""

    path: Path
    about: About
    data: Any
    """The loaded columns as a `pyarrow.Table`: text stays in Arrow's buffers, not in Python strings."""

    @classmethod
    def load(cls, path: Path, columns: Sequence[str] = COLUMNS) -> Self:
        """Load columns of a table that scripts/published.py wrote; `arch_id` is always among them.

        Raises UserError if the file is no such table or if a column does not exist.
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
        """A loaded numeric or Boolean column as a NumPy array (n,)."""
        return self.data.column(name).to_numpy()

    @property
    def test_acc(self) -> Floats:
        """Test accuracies (n,), fractions: the ground truth."""
        return np.asarray(self.column("test_acc"), dtype=np.float64)

    @property
    def uniform(self) -> npt.NDArray[np.bool_]:
        """Which rows (n,) belong to a uniform random sample of the space."""
        return np.asarray(self.column("uniform"), dtype=np.bool_)

    def rows(self, arch_ids: Iterable[str]) -> Positions:
        """Positions (m,) of architectures, in the order given; UserError if one has no ground truth here."""
        known = self.data.column("arch_id").combine_chunks()
        wanted = pa.array(list(arch_ids), known.type)
        found = pc.index_in(wanted, value_set=known)
        if found.null_count:
            raise self._missing(wanted.filter(found.is_null()), len(wanted))
        return np.asarray(found.to_numpy(), dtype=np.int64)

    def take(self, positions: npt.ArrayLike) -> pd.DataFrame:
        """The loaded columns of some rows, in the order of their positions."""
        frame: pd.DataFrame = self.data.take(pa.array(np.asarray(positions))).to_pandas()
        return frame

    def _missing(self, missing: Any, wanted: int) -> UserError:
        about = self.about
        return UserError(
            f"{self.path}: no ground truth for {missing[0]}: {len(missing)} of {wanted} architectures are not in "
            f"the table {about.table} (form {about.form}: {about.extent()}); "
            "choose among the architectures that it has, or fetch a complete form (docs/use/tables.md)"
        )
