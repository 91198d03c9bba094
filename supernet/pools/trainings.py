"""The stand-alone trainings of a pool: which architectures are trained with which seeds. Imports no pandas."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from supernet.io.parquet import read_columns


class Training(NamedTuple):
    """A stand-alone training of an architecture, of which `encoding` is the text."""

    arch_id: str
    encoding: str
    seed: int


def trainings(pool: Path, seeds: int, repeated: int) -> list[Training]:
    """List the stand-alone trainings of a pool file, as `listed`; UserError if it is damaged or has no `drawn`."""
    rows = zip(*read_columns(pool, arch_id="text", encoding="text", drawn="integers"), strict=True)
    return listed(rows, seeds, repeated)


def listed(pool: Iterable[tuple[str, str, int]], seeds: int, repeated: int) -> list[Training]:
    """List the stand-alone trainings of a pool, rows of (arch_id, encoding, drawn), in its order and by seed.

    The first `repeated` architectures of the draw are trained with all `seeds`, the others with seed 0 only. They are a
    random sample like the pool, and a larger pool of the same seed begins with the same draw, so that it has all
    trainings of the smaller one.
    """
    return [
        Training(arch_id, encoding, seed)
        for arch_id, encoding, drawn in pool
        for seed in range(seeds if drawn < repeated else 1)
    ]
