"""The file of a pool as programs that train and score read it."""

import math
from pathlib import Path

from supernet.errors import UserError
from supernet.io.parquet import read_columns
from supernet.spaces.base import Arch, Space


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
