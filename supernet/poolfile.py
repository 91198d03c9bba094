"""Tables of the programs that train and score, without pandas: it costs 50 MB and a third of a second."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from supernet.errors import UserError
from supernet.files import publish
from supernet.provenance import reading
from supernet.spaces.base import Arch, Space


def read_columns(path: Path, *names: str) -> list[list[Any]]:
    """The columns of a Parquet file, in this order; None where there is no value. UserError without one of them."""
    with pq.ParquetFile(reading(path)) as file:
        missing = [name for name in names if name not in file.schema_arrow.names]
        if missing:
            there = ", ".join(file.schema_arrow.names)
            raise UserError(f"{path}: found no column {', '.join(missing)} among {there}; is it a pool of this study?")
        table = file.read(list(names))
    return [table[name].to_pylist() for name in names]


def read_pool(path: Path, space: Space[Arch]) -> list[tuple[str, Arch]]:
    """(arch_id, architecture) of each row of a pool file, in its order."""
    ids, encodings = read_columns(path, "arch_id", "encoding")
    return [(arch_id, space.parse(encoding)) for arch_id, encoding in zip(ids, encodings, strict=True)]


def best_of(path: Path, space: Space[Arch]) -> Arch:
    """The architecture of the highest ground truth in a pool file, the first arch_id among equals.

    UserError if none has one: all trainings diverged.
    """
    rows = zip(*read_columns(path, "arch_id", "encoding", "truth"), strict=True)
    known = [
        (-truth, arch_id, encoding) for arch_id, encoding, truth in rows if not (truth is None or math.isnan(truth))
    ]
    if not known:
        raise UserError(f"{path}: no architecture has a ground truth: all trainings diverged; change `truth`")
    return space.parse(min(known)[2])


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of the same keys as Parquet, atomically and with the same bytes for the same content."""
    with publish(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows), temporary)
