"""Read pool files: the only reader of the architectures of a pool and of their ground truth.

Programs that train or score read without pandas, whose import costs 40 MB and a fifth of a second; `read_table` alone
imports it.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from supernet.errors import UserError
from supernet.io.parquet import read_columns, read_frame
from supernet.provenance.recorder import note_input
from supernet.spaces.base import Arch, Space

if TYPE_CHECKING:
    import pandas as pd

_KINDS: Mapping[str, str] = MappingProxyType({"arch_id": "text", "encoding": "text"})
"""Kinds of the columns of a pool that are not numbers."""


def read_pool(path: Path, space: Space[Arch]) -> list[tuple[str, Arch]]:
    """Read (arch_id, architecture) of each row, in the order of the file. Raises UserError without the columns."""
    ids, encodings = read_columns(path, arch_id="text", encoding="text")
    return [(arch_id, space.parse(encoding)) for arch_id, encoding in zip(ids, encodings, strict=True)]


def read_arch_ids(path: Path) -> list[str]:
    """Read the arch_id of each row. Raises UserError without the column."""
    (ids,) = read_columns(path, arch_id="text")
    return ids


def read_truths(path: Path, space: Space[Arch]) -> list[tuple[Arch, float]]:
    """Read (architecture, ground truth) of each row, in the order of the file; nan where all trainings diverged.

    Raises UserError without the columns.
    """
    encodings, truths = read_columns(path, encoding="text", truth="numbers")
    known = (math.nan if truth is None else float(truth) for truth in truths)
    return list(zip(map(space.parse, encodings), known, strict=True))


def best_of(path: Path, space: Space[Arch]) -> Arch:
    """Read the architecture of the highest ground truth, the first arch_id among equals.

    Raises UserError if none has one, because all trainings diverged.
    """
    rows = zip(*read_columns(path, arch_id="text", encoding="text", truth="numbers"), strict=True)
    known = [
        (-truth, arch_id, encoding) for arch_id, encoding, truth in rows if not (truth is None or math.isnan(truth))
    ]
    if not known:
        raise UserError(f"{path}: no architecture has a ground truth: all trainings diverged; change `truth`")
    return space.parse(min(known)[2])


def read_table(path: Path | str, *required: str) -> "pd.DataFrame":
    """Read all columns as a table. Raises UserError if a required column is missing."""
    return read_frame(note_input(Path(path)), **{name: _KINDS.get(name, "numbers") for name in required})
