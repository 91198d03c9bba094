"""Metrics of a run on one half of a pool, and its final performance on the other: they share no architecture.

S-KdT and final performance of the same architectures agree even if all settings are equal, because both are high where
the scores happen to rank these architectures well.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supernet.metrics.arrays import Floats, scored_vectors
from supernet.metrics.definitions import kendall_tau, round_truth, top_k
from supernet.metrics.measures import LARGEST_BOOTSTRAP
from supernet.metrics.resampling import Ordering, Resamples

SPLITS = 50
"""Random splits of a pool; each gives two rows, with the halves exchanged."""
FEWEST = 6
"""Minimum number of architectures: three in each half, for a correlation."""


@dataclass(frozen=True)
class Halves:
    """Random splits of n architectures into two halves: indices (2 x splits, first half) and those of the others."""

    first: tuple[npt.NDArray[np.int64], ...]
    second: tuple[npt.NDArray[np.int64], ...]

    @classmethod
    def draw(cls, n: int, rng: np.random.Generator, splits: int = SPLITS) -> "Halves":
        """Draw splits; ValueError for fewer than `FEWEST` architectures."""
        if n < FEWEST:
            raise ValueError(f"{n} architectures, expected at least {FEWEST}: three in each half of the pool")
        first: list[npt.NDArray[np.int64]] = []
        second: list[npt.NDArray[np.int64]] = []
        for _ in range(splits):
            order = rng.permutation(n)
            one, other = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
            first += [one, other]
            second += [other, one]
        return cls(tuple(first), tuple(second))

    def measure(
        self, accuracy: npt.ArrayLike, loss: npt.ArrayLike, truth: npt.ArrayLike, threshold: float, k: int
    ) -> tuple[Floats, Floats, Floats]:
        """Compute super-net accuracy and S-KdT on the first halves, and final performance on the second.

        Each has shape (2 x splits,). Final performance is the mean ground truth of the k best by accuracy, ties by
        loss; k is at most the size of a half. S-KdT is nan where it is undefined. Scores and truth have shape (n,), in
        one order. Raises ValueError like `supernet.metrics.evaluate.evaluate`.
        """
        accuracy, loss, truth = scored_vectors(accuracy=accuracy, loss=loss, truth=truth)
        rounded = round_truth(truth, threshold).astype(float)
        means = np.array([accuracy[half].mean() for half in self.first])
        taus = np.array([_tau(accuracy[half], rounded[half]) for half in self.first])
        final = np.array([_best(accuracy[half], loss[half], truth[half], k) for half in self.second])
        return means, taus, final


def mean_tau(first: Floats, second: Floats, counts: Floats) -> Floats:
    """Compute the mean over columns of Kendall's tau-b of two tables (runs, columns), per resample of runs.

    `counts` (resamples, runs) is how often each run occurs. A column without a tau in a resample is left out of its
    mean; nan if none is left.
    """
    resamples = Resamples(counts)
    with np.errstate(invalid="ignore"):
        taus = np.array([_resampled(*column, resamples) for column in zip(first.T, second.T, strict=True)])
    defined = np.isfinite(taus)
    total = np.where(defined, taus, 0.0).sum(axis=0)
    count = defined.sum(axis=0)
    found: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


def _resampled(first: Floats, second: Floats, resamples: Resamples) -> Floats:
    one, other = Ordering(first), Ordering(second)
    agreement = np.einsum("ib,ib->b", (one.signs * other.signs) @ resamples.counts, resamples.counts)
    pairs = one.pairs(resamples) * other.pairs(resamples)
    taus: Floats = np.where(pairs > 0, agreement / np.sqrt(np.where(pairs > 0, pairs, 1.0)), np.nan)
    return taus


def _tau(first: Floats, second: Floats) -> float:
    # The signs of all pairs of a large pool take gigabytes.
    if len(first) > LARGEST_BOOTSTRAP:
        return kendall_tau(first, second)
    return float(_resampled(first, second, Resamples(np.ones((1, len(first)))))[0])


def _best(accuracy: Floats, loss: Floats, truth: Floats, k: int) -> float:
    return float(truth[top_k(accuracy, min(k, len(accuracy)), loss)].mean())
