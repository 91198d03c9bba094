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
    """Read (arch_id, architecture) of each row, in the order of the file.

    Raises UserError without the columns, and if an architecture is not one of the space, has another arch_id, or is in
    the pool twice.
    """
    ids, encodings = read_columns(path, arch_id="text", encoding="text")
    pool = list(zip(ids, _parsed(path, space, encodings), strict=True))
    for row, (arch_id, arch) in enumerate(pool):
        if arch_id != (right := space.arch_id(arch)):
            raise UserError(f"{path}: row {row}: found the arch_id {arch_id!r} of {encodings[row]}, which is {right}")
    if len(set(ids)) < len(ids):
        raise UserError(f"{path}: holds {len(ids) - len(set(ids))} architectures twice; make the pool again")
    return pool


def read_arch_ids(path: Path) -> list[str]:
    """Read the arch_id of each row. Raises UserError without the column."""
    (ids,) = read_columns(path, arch_id="text")
    return ids


def read_truths(path: Path, space: Space[Arch]) -> list[tuple[Arch, float]]:
    """Read (architecture, ground truth) of each row, in the order of the file; nan where all trainings diverged.

    Raises UserError without the columns, and if an architecture or an accuracy is not one.
    """
    encodings, truths = read_columns(path, encoding="text", truth="numbers")
    known = [math.nan if truth is None else float(truth) for truth in truths]
    for row, truth in enumerate(known):
        if not (math.isnan(truth) or 0 <= truth <= 1):
            raise UserError(f"{path}: row {row}: found the ground truth {truth}; expected a fraction from 0 to 1")
    return list(zip(_parsed(path, space, encodings), known, strict=True))


def best_of(path: Path, space: Space[Arch]) -> Arch:
    """Read the architecture of the highest ground truth, the first arch_id among equals.

    If no architecture has a ground truth, because all trainings diverged, it is the first arch_id.
    """
    rows = zip(*read_columns(path, arch_id="text", encoding="text", truth="numbers"), strict=True)
    # Accuracies are at least 0: architectures without one come last.
    ranked = [
        (1.0 if truth is None or math.isnan(truth) else -truth, arch_id, encoding) for arch_id, encoding, truth in rows
    ]
    if not ranked:
        raise UserError(f"{path}: holds no architecture; make the pool again")
    return _parsed(path, space, [min(ranked)[2]])[0]


def _parsed(path: Path, space: Space[Arch], encodings: list[str]) -> list[Arch]:
    """Parse encodings; UserError with the file if one is missing or is not an architecture of the space."""
    try:
        return [space.parse(encoding) for encoding in encodings]
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def read_table(path: Path | str, *required: str) -> "pd.DataFrame":
    """Read all columns as a table. Raises UserError if a required column is missing."""
    return read_frame(note_input(Path(path)), **{name: _KINDS.get(name, "numbers") for name in required})
