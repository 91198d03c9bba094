"""Bootstrap resamples of architectures, and the order of values within them.

A resample of n architectures is n counts. Orders and ties of values are computed once; per block of resamples they
cost a few cumulative sums instead of a loop.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from supernet.metrics.arrays import Floats, Integers

_T = TypeVar("_T")


class Resamples:
    """A block of resamples of n architectures, with a cache of statistics computed from it.

    `counts` (n, resamples) is how often each architecture occurs; sums over architectures are sums of whole rows.
    """

    def __init__(self, counts: Floats) -> None:
        """Take counts (resamples, n), as returned by `resample_counts`."""
        self.counts = np.ascontiguousarray(counts.T)
        self._known: dict[Callable[[Resamples], Any], Any] = {}

    def once(self, statistic: Callable[["Resamples"], _T]) -> _T:
        """Return `statistic` of these resamples; it is computed once and shared by all metrics that use it."""
        if statistic not in self._known:
            self._known[statistic] = statistic(self)
        found: _T = self._known[statistic]
        return found


def resample_counts(n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw resamples of n architectures with replacement; returns how often each occurs, shape (resamples, n)."""
    drawn = rng.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float64)


def first_counts(first: int, n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw resamples of n architectures with replacement; returns how often each of the `first` occurs.

    The shape is (resamples, first): the other architectures take no time and no memory.
    """
    probabilities = [*[1 / n] * first, 1 - first / n]
    counts: Floats = rng.multinomial(n, probabilities, size=resamples)[:, :first].astype(np.float64)
    return counts


class Ordering:
    """The order of n architectures by their values (n,), including ties, and statistics of it for `Resamples.once`."""

    def __init__(self, values: npt.NDArray[np.generic]) -> None:
        places: Integers = np.unique(values, return_inverse=True)[1]
        self.places = places
        """Dense ranks (n,), 0 for the lowest."""
        self.order: Integers = np.argsort(places, kind="stable")
        ascending = places[self.order]
        self._first, self._end = (np.searchsorted(ascending, places, side=side) for side in ("left", "right"))
        self._starts = np.unique(self._first)

    @cached_property
    def signs(self) -> Floats:
        """sign(values_i - values_j) of shape (n, n)."""
        signs: Floats = np.sign(self.places[:, None] - self.places).astype(np.float64)
        return signs

    def drawn(self, resamples: Resamples) -> Floats:
        """Count the draws below each place of `order`, and all draws: (n + 1, resamples)."""
        counts = resamples.counts
        drawn = np.empty((len(counts) + 1, counts.shape[1]))
        drawn[0] = 0
        # Row by row: numpy's cumsum along the first axis goes column by column, which takes 20 times as long.
        for place, member in enumerate(self.order):
            np.add(drawn[place], counts[member], out=drawn[place + 1])
        return drawn

    def pairs(self, resamples: Resamples) -> Floats:
        """Count the ordered pairs that do not tie: (resamples,)."""
        tied = np.diff(resamples.once(self.drawn)[[*self._starts, -1]], axis=0)
        pairs: Floats = len(self.order) ** 2 - np.einsum("gb,gb->b", tied, tied)
        return pairs

    def ranks(self, resamples: Resamples) -> Floats:
        """Compute twice the distance of each mid-rank from the middle, draws below minus above: (n, resamples)."""
        drawn = resamples.once(self.drawn)
        ranks: Floats = drawn[self._first]
        ranks += drawn[self._end]
        ranks -= len(ranks)
        return ranks

    def squares(self, resamples: Resamples) -> Floats:
        """Sum the squares of `ranks`: (resamples,)."""
        ranks = resamples.once(self.ranks)
        squares: Floats = np.einsum("ib,ib->b", ranks * resamples.counts, ranks)
        return squares

    def sequence(self, resamples: Resamples) -> npt.NDArray[np.signedinteger[Any]]:
        """Return the places in `order` of the drawn architectures, ascending, with copies adjacent: (n, resamples)."""
        n, columns = resamples.counts.shape
        places = np.tile(np.arange(n, dtype=smallest_integer(n)), columns)
        times = resamples.counts[self.order].T.astype(np.int64).ravel()
        return np.ascontiguousarray(np.repeat(places, times).reshape(columns, n).T)

    def ties(self, resamples: Resamples) -> list[npt.NDArray[np.bool_]]:
        """Return, per lag from 1, which positions of `sequence` tie with that `lag` before: (n - lag, resamples)."""
        first = self._first[self.order].astype(smallest_integer(len(self.order)))[self.sequence(resamples)]
        ties = []
        for lag in range(1, len(first)):
            tied = first[lag:] == first[:-lag]
            if not tied.any():
                break  # positions further apart cannot tie
            ties.append(tied)
        return ties


def smallest_integer(n: int) -> np.dtype[Any]:
    """Return the smallest, and therefore fastest, integer type that holds -n: for places of n and their differences."""
    return np.min_scalar_type(-n)
