"""Read pool files: the only reader of the architectures of a pool and of their ground truth.

Programs that train or score read without pandas, whose import costs 40 MB and a fifth of a second; `read_table` alone
imports it.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from supernet.errors import UserError
from supernet.io.parquet import read_columns
from supernet.provenance.recorder import note_input
from supernet.spaces.base import Arch, Space

if TYPE_CHECKING:
    import pandas as pd


def read_pool(path: Path, space: Space[Arch]) -> list[tuple[str, Arch]]:
    """Read (arch_id, architecture) of each row, in the order of the file. Raises UserError without the columns."""
    ids, encodings = read_columns(path, "arch_id", "encoding")
    return [(arch_id, space.parse(encoding)) for arch_id, encoding in zip(ids, encodings, strict=True)]


def read_arch_ids(path: Path) -> list[str]:
    """Read the arch_id of each row. Raises UserError without the column."""
    (ids,) = read_columns(path, "arch_id")
    return ids


def read_truths(path: Path, space: Space[Arch]) -> list[tuple[Arch, float]]:
    """Read (architecture, ground truth) of each row, in the order of the file; nan where all trainings diverged.

    Raises UserError without the columns.
    """
    encodings, truths = read_columns(path, "encoding", "truth")
    known = (math.nan if truth is None else float(truth) for truth in truths)
    return list(zip(map(space.parse, encodings), known, strict=True))


def best_of(path: Path, space: Space[Arch]) -> Arch:
    """Read the architecture of the highest ground truth, the first arch_id among equals.

    If no architecture has a ground truth, because all trainings diverged, it is the first arch_id.
    """
    rows = zip(*read_columns(path, "arch_id", "encoding", "truth"), strict=True)
    # Accuracies are at least 0: architectures without one come last.
    ranked = [
        (1.0 if truth is None or math.isnan(truth) else -truth, arch_id, encoding) for arch_id, encoding, truth in rows
    ]
    return space.parse(min(ranked)[2])


def read_table(path: Path | str, *required: str) -> "pd.DataFrame":
    """Read all columns as a table. Raises UserError if a required column is missing."""
    import pandas as pd

    table = pd.read_parquet(note_input(Path(path)))
    lacking = [column for column in required if column not in table.columns]
    if lacking:
        raise UserError(f"{path}: lacks the columns {', '.join(lacking)}; delete it and make it again")
    return table
