"""Read pool files: the only reader of the architectures of a pool and of their ground truth.

Pools are read without pandas, and checked: different architectures, each with the identifier of its encoding.
"""

import math
from pathlib import Path
from typing import Any

from supernet.errors import UserError
from supernet.io.parquet import read_columns
from supernet.spaces.base import Arch, Space


def read_pool(path: Path, space: Space[Arch]) -> list[tuple[str, Arch]]:
    """Read (arch_id, architecture) of each row, in the order of the file.

    Raises UserError without the columns, if the pool is empty, if an architecture occurs twice or is not in the space,
    and if an arch_id is not that of its encoding.
    """
    return _checked(path, space, *read_columns(path, arch_id="text", encoding="text"))


def read_arch_ids(path: Path) -> list[str]:
    """Read the arch_id of each row. Raises UserError without the column."""
    (ids,) = read_columns(path, arch_id="text")
    return ids


def first_drawn(path: Path, count: int) -> frozenset[str]:
    """Read the arch_ids of the first `count` architectures of the draw. Raises UserError without the columns."""
    ids, places = read_columns(path, arch_id="text", drawn="integers")
    return frozenset(arch_id for arch_id, place in zip(ids, places, strict=True) if place < count)


def read_truths(path: Path, space: Space[Arch]) -> list[tuple[Arch, float]]:
    """Read (architecture, ground truth) of each row, in the order of the file; nan where all trainings diverged.

    Raises UserError as `read_pool`.
    """
    ids, encodings, truths = read_columns(path, arch_id="text", encoding="text", truth="numbers")
    known = [math.nan if truth is None else float(truth) for truth in truths]
    for number, truth in enumerate(known):
        if not (math.isnan(truth) or 0 <= truth <= 1):
            raise UserError(f"{path}: row {number}: found the ground truth {truth}; expected a fraction from 0 to 1")
    return [(arch, truth) for (_, arch), truth in zip(_checked(path, space, ids, encodings), known, strict=True)]


def best_of(path: Path, space: Space[Arch]) -> Arch:
    """Read the architecture of the highest ground truth, the first arch_id among equals.

    If no architecture has a ground truth, because all trainings diverged, it is the first arch_id. Raises UserError as
    `read_pool`.
    """
    ids, encodings, truths = read_columns(path, arch_id="text", encoding="text", truth="numbers")
    archs = dict(_checked(path, space, ids, encodings))
    # Accuracies are at least 0: architectures without one come last.
    ranked = [
        (1.0 if truth is None or math.isnan(truth) else -truth, arch_id)
        for arch_id, truth in zip(ids, truths, strict=True)
    ]
    return archs[min(ranked)[1]]


def _checked(path: Path, space: Space[Arch], ids: list[Any], encodings: list[Any]) -> list[tuple[str, Arch]]:
    """Return (arch_id, architecture) of each row of a pool of a space or sub-space."""
    if not ids:
        raise UserError(f"{path}: the pool is empty; expected at least one architecture: make it again")
    rows: dict[str, Arch] = {}
    for number, (arch_id, encoding) in enumerate(zip(ids, encodings, strict=True)):
        where = f"{path}: row {number}"
        try:
            arch = space.parse(encoding)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        if space.arch_id(arch) != arch_id:
            raise UserError(
                f"{where}: found the arch_id {arch_id!r}; {encoding} has {space.arch_id(arch)!r}: make the pool again"
            )
        if not space.holds(encoding):
            raise UserError(f"{where}: {encoding} is not in {space.name}; make the pool again")
        if arch_id in rows:
            raise UserError(f"{where}: {arch_id!r} occurs twice; expected different architectures: make the pool again")
        rows[arch_id] = arch
    return list(rows.items())
