"""The set of architectures in which P>R ranks the best architecture found."""

from dataclasses import dataclass
from typing import Any

from supernet import spaces
from supernet.metrics.arrays import Floats
from supernet.pools.draw import uniform_rows
from supernet.published.table import PublishedTable
from supernet.spaces.base import Space


@dataclass(frozen=True)
class Population:
    """The set in which P>R takes its rank: its ground truth (N,), its kind, and the source of the ground truth.

    `kind` is pool, sample (uniform, of the space), table (the whole space) or listed (a complete table of a part of the
    space); `source` is a phrase for captions.
    """

    truth: Floats
    kind: str
    source: str


def population_of(table: PublishedTable, space: Space[Any]) -> Population:
    """Return the uniform sample of a space or sub-space in a published table: all rows of a complete table."""
    about = table.about
    words = f"published, {about.truth} ({about.table}, {about.form}: {about.extent()})"
    whole = "table" if about.size >= spaces.load(about.space).distinct else "listed"
    return Population(table.test_acc[uniform_rows(table, space)], whole if about.complete else "sample", words)
