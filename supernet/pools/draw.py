"""Draw the pool of a space: the architectures that all runs of a study score."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet.errors import UserError
from supernet.published.table import PublishedTable
from supernet.rng import stream
from supernet.spaces.base import Arch, Space

_LOGGER = logging.getLogger(__name__)

# Architectures per draw. The number is fixed, because a space may draw in batches: the result of a later draw must not
# depend on the size of the pool.
_DRAW = 256
COLUMNS = ("arch_id", "encoding", "drawn")
"""Columns of a pool; `drawn` is the place of an architecture in the order of the draw, from 0."""


def pool_stream(space: Space[Any], study_seed: int, landmarks: bool, run_seed: int | None) -> np.random.Generator:
    """Return the generator of a pool or of landmarks; `run_seed` is None unless each run has its own pool."""
    seed = () if run_seed is None else (run_seed,)
    return stream(study_seed, "landmarks" if landmarks else "pool", space.name, *seed)


def draw_pool(
    space: Space[Any], size: int, rng: np.random.Generator, exclude: frozenset[str] = frozenset()
) -> pd.DataFrame:
    """Draw `size` different architectures, uniform over the space: `COLUMNS`, sorted by arch_id.

    Architectures that are drawn again, or that are in `exclude` (arch_ids), are skipped: the pool is a simple random
    sample without replacement. A larger pool of the same generator contains the smaller one. Raises UserError if the
    space is too small, or `size` is not positive.
    """
    _expect_positive(size)
    if size > (most := space.distinct - len(exclude)):
        raise UserError(
            f"pool.size {size}: {space.name} has only {most} architectures"
            f"{' that no other pool has' if exclude else ''}; use a smaller one"
        )
    found: dict[str, str] = {}
    while len(found) < size:
        for arch in space.sample(rng, "random_a", count=_DRAW):
            if len(found) < size and space.arch_id(arch) not in exclude:
                found.setdefault(space.arch_id(arch), space.format(arch))
    rows = [(arch_id, encoding, place) for place, (arch_id, encoding) in enumerate(found.items())]
    return pd.DataFrame(sorted(rows), columns=list(COLUMNS))


def draw_published(
    table: PublishedTable,
    space: Space[Any],
    size: int | None,
    rng: np.random.Generator,
    exclude: frozenset[str] = frozenset(),
) -> pd.DataFrame:
    """Draw `size` rows of a published table, from the rows that are a uniform sample of the space: as `draw_pool`.

    Without a size, all these rows are in the pool, in the order of the draw. A larger pool of the same generator
    contains the smaller one. Raises UserError if the table has fewer rows, or `size` is not positive.
    """
    if size is not None:
        _expect_positive(size)
    rows = uniform_rows(table, space)
    candidates = table.take(rng.permutation(rows))[["arch_id", "encoding"]]
    others = candidates[~candidates["arch_id"].isin(exclude)]
    chosen = others if size is None else others.head(size)
    if len(chosen) < (size or 1):
        raise UserError(
            f"pool.size {size or 'all'}: {table.path} has only {len(chosen)} architectures that are a uniform sample "
            f"of {space.name}{' and in no other pool' if exclude else ''}; "
            f"{'use a smaller one' if size else 'use fewer landmarks'}"
        )
    return chosen.assign(drawn=range(len(chosen))).sort_values("arch_id", ignore_index=True)


def expect_trained(table: Path, space: Space[Any], encodings: Sequence[str]) -> None:
    """Expect that a law of the space draws the architectures of a pool from a table; warn if it does not draw some.

    Raises UserError if it draws none: a super-net would be scored on networks of a kind that it is not trained on.
    """
    others = space.undrawn(encodings)
    if not others:
        return
    found = (
        f"{table}: {len(others)} of the {len(encodings)} architectures of the pool are of a kind on which super-nets "
        f"of {space.name} are not trained, such as {others[0]}"
    )
    if len(others) == len(encodings):
        raise UserError(f"{found}; set protocol.darts_concat to what their cells concatenate, `all` or `loose_ends`")
    _LOGGER.warning("%s", found)


def stratified(table: PublishedTable, space: Space[Any], intervals: int) -> pd.DataFrame:
    """Take the best architecture of each of `intervals` equal intervals of published test accuracy.

    The pool is spread over accuracies instead of the space, as in the evaluations of SUMNAS (Ha et al., ICLR 2022) and
    DYNAS (Jeon et al., CVPR 2025), which use 400 intervals. The intervals reach from the lowest to the highest accuracy
    among the rows that are a uniform sample of the space; empty intervals give no architecture. Among equals the first
    arch_id is taken. The selection is deterministic, and `drawn` is the order of arch_ids. Raises UserError if
    `intervals` is not positive.
    """
    _expect_positive(intervals)
    rows = uniform_rows(table, space)
    accuracy = table.test_acc[rows]
    edges = np.linspace(accuracy.min(), accuracy.max(), intervals + 1)
    interval = np.clip(np.searchsorted(edges, accuracy, side="right") - 1, 0, intervals - 1)
    # The last row of each interval in this order is the best; among equals, it is the first of the table.
    order = np.lexsort((-rows, accuracy, interval))
    best = np.append(np.diff(interval[order]) > 0, True)
    chosen = table.take(np.sort(rows[order[best]]))[["arch_id", "encoding"]]
    return chosen.assign(drawn=range(len(chosen)))


def _expect_positive(size: int) -> None:
    if size < 1:
        raise UserError(f"pool.size: found {size}; expected 1 or more")


def uniform_rows(table: PublishedTable, space: Space[Any]) -> npt.NDArray[np.int64]:
    """Return the indices of the rows that are a uniform sample of the table's space or of a sub-space of it.

    Raises UserError if the table is one of another space.
    """
    rows = np.flatnonzero(table.uniform)
    if space.name == table.about.space:
        return rows
    if not space.name.startswith(f"{table.about.space}-"):
        raise UserError(f"{table.path}: is a table of {table.about.space}; expected one of {space.name}")
    return rows[[space.holds(encoding) for encoding in table.take(rows)["encoding"]]]


def published_draw(table: PublishedTable, space: Space[Arch]) -> Callable[..., list[Arch]]:
    """Return a function that draws `count` independent architectures, uniform over `uniform_rows` of a table."""
    rows = uniform_rows(table, space)

    def draw(rng: np.random.Generator, *, count: int) -> list[Arch]:
        encodings = table.take(rows[rng.integers(len(rows), size=count)])["encoding"]
        return [space.parse(encoding) for encoding in encodings]

    return draw
