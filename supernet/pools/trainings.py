"""The stand-alone trainings of a pool: which architectures are trained with which seeds. Imports no pandas."""

from pathlib import Path
from typing import NamedTuple

from supernet.io.parquet import read_columns


class Training(NamedTuple):
    """A stand-alone training of an architecture, of which `encoding` is the text."""

    arch_id: str
    encoding: str
    seed: int


def trainings(pool: Path, seeds: int, repeated: int) -> list[Training]:
    """List the stand-alone trainings of a pool file, in its order and by seed.

    The first `repeated` architectures of the draw are trained with all `seeds`, the others with seed 0 only. They are a
    random sample like the pool, and a larger pool of the same seed begins with the same draw, so that it has all
    trainings of the smaller one. Raises UserError if the file is damaged, or has no order.
    """
    rows = zip(*read_columns(pool, arch_id="text", encoding="text", drawn="integers"), strict=True)
    return [
        Training(arch_id, encoding, seed)
        for arch_id, encoding, drawn in rows
        for seed in range(seeds if drawn < repeated else 1)
    ]
