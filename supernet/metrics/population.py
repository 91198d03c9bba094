"""The set of architectures in which P>R ranks the best architecture found."""

from dataclasses import dataclass
from typing import Any

from supernet.metrics.arrays import Floats
from supernet.pools.draw import uniform_rows
from supernet.published.table import PublishedTable
from supernet.spaces.base import Space


@dataclass(frozen=True)
class Population:
    """The set in which P>R takes its rank: its ground truth (N,), its kind, and the source of the ground truth.

    `kind` is pool, sample (uniform, of the space) or table (complete); `source` is a phrase for captions.
    """

    truth: Floats
    kind: str
    source: str


def population_of(table: PublishedTable, space: Space[Any]) -> Population:
    """Return the uniform sample of a space or sub-space in a published table: all rows of a complete table."""
    about = table.about
    words = f"published, {about.truth} ({about.table}, {about.form}: {about.extent()})"
    rows = uniform_rows(table, space)
    return Population(table.test_acc[rows], "table" if about.complete else "sample", words)
