"""The metrics of `definitions` for blocks of bootstrap resamples.

Each metric is a function of the counts of a resample. Tau is a ratio of quadratic forms in the counts, and mid-ranks
are linear in them, so a block of resamples costs a few matrix products and cumulative sums. Counts of one give the
metric of the pool itself. The effect of a resample on ground truth is the same for every score and is computed once for
all scores that are measured together.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from supernet.metrics.arrays import Floats, Integers
from supernet.metrics.definitions import (
    POSITIONAL_THRESHOLDS,
    check_draws,
    permuted_twice,
    positional_ranks,
    ranks_from_top,
    round_truth,
    score_ranks,
    top_k,
)
from supernet.metrics.resampling import Ordering, Resamples, smallest_integer

Family = Callable[[Resamples], Mapping[str, Floats]]
"""Maps a block of resamples to named metrics of shape (resamples,), nan where a resample leaves a metric undefined."""


class GroundTruth:
    """Ground truth (n,) for correlations: exact, rounded to `threshold`, and in the authors' bins by percent.

    Correlations of several scores share one instance, so that what depends on ground truth only is computed once.
    Raises ValueError like `round_truth`.
    """

    def __init__(self, truth: Floats, threshold: float) -> None:
        self.exact, self.rounded = Ordering(truth), Ordering(round_truth(truth, threshold))
        self.bins = {percent: Ordering(positional_ranks(truth, edge)) for percent, edge in POSITIONAL_THRESHOLDS}


def moments(values: Floats, mean_name: str, std_name: str | None = None) -> Family:
    """Mean of values (n,) over the pool, and standard deviation (over n, as in the authors' code) if it is named."""

    def family(resamples: Resamples) -> dict[str, Floats]:
        mean, std = _mean_and_std(resamples.counts, values, len(values))
        named = {mean_name: mean}
        return named if std_name is None else named | {std_name: std}

    return family


def rank_correlations(scores: Ordering, truth: GroundTruth) -> Family:
    """`kdt`, `s_kdt` (against rounded ground truth) and `spearman`."""
    agreement, sparse_agreement = scores.signs * truth.exact.signs, scores.signs * truth.rounded.signs

    def family(resamples: Resamples) -> dict[str, Floats]:
        counts, pairs = resamples.counts, resamples.once(scores.pairs)
        ranks = scores.ranks(resamples)
        weighted = ranks * counts
        product = np.einsum("ib,ib->b", weighted, resamples.once(truth.exact.ranks))
        squares = np.einsum("ib,ib->b", weighted, ranks)
        return {
            "kdt": _correlation(_quadratic(counts, agreement), pairs, resamples.once(truth.exact.pairs)),
            "s_kdt": _correlation(_quadratic(counts, sparse_agreement), pairs, resamples.once(truth.rounded.pairs)),
            "spearman": _correlation(product, squares, resamples.once(truth.exact.squares)),
        }

    return family


def positional_correlation(scores: Ordering, truth: GroundTruth, percent: str) -> Family:
    """`positional_sparse_kendall_tau` at a threshold in percent; copies in a resample are adjacent."""
    bins = truth.bins[percent]
    # Architectures of equal score keep the order of the input, so no two positions tie.
    agreement = Ordering(np.argsort(scores.order)).signs * bins.signs
    places = bins.places[scores.order].astype(smallest_integer(len(scores.order)))

    def family(resamples: Resamples) -> dict[str, Floats]:
        # Positions of equal ground-truth rank tie, regardless of their architectures in the predicted order.
        predicted = places.take(resamples.once(scores.sequence))
        surplus = _quadratic(resamples.counts, agreement) - 2 * _surplus(predicted, resamples.once(bins.ties))
        pairs = resamples.once(bins.pairs)
        # Equal scores rank nothing: all pairs of the predicted order are those of the input.
        ranked = resamples.once(scores.pairs) > 0
        return {f"s_kdt_positional_{percent}": np.where(ranked, _correlation(surplus, pairs, pairs), np.nan)}

    return family


def search_performance(
    scores: Floats,
    losses: Floats,
    truth: Floats,
    *,
    k: int,
    draws: int,
    population_truth: Floats,
    top_order: str = "sorted",
) -> Family:
    """`final_mean`, `final_std` (divided by k) and `final_best` of the `top_k`, and P>R with its complement.

    In a resample, an architecture takes as many of the k places as it was drawn; the population does not change. With
    `top_order` permuted_twice the k are those of `twice_permuted_top`, with copies adjacent. Raises ValueError unless 1
    <= k <= n and draws >= 1.
    """
    if not 1 <= k <= len(scores):
        raise ValueError(f"search_performance: k is {k}, expected 1 to {len(scores)}, the number of architectures")
    check_draws(draws)
    population = np.sort(population_truth)
    placed = {"sorted": _places_by_score, "permuted_twice": _places_permuted_twice}[top_order](scores, losses, truth, k)

    def family(resamples: Resamples) -> dict[str, Floats]:
        members, places = placed(resamples)
        mean, std = _mean_and_std(places, truth[members], k)
        best = np.where(places > 0, truth[members, None], -np.inf).max(axis=0)
        surpass = (1 - ranks_from_top(best, population) / len(population)) ** draws
        return {
            "p_surpass": surpass,
            "p_surpass_complement": 1 - surpass,
            "final_mean": mean,
            "final_std": std,
            "final_best": best,
        }

    return family


def _places_by_score(
    scores: Floats, losses: Floats, truth: Floats, k: int
) -> Callable[[Resamples], tuple[Integers, Floats]]:
    """Map resamples to architectures (m,) and to the number of the k places that each takes (m, resamples).

    Architectures that take no place in any resample are left out.
    """
    order = top_k(scores, len(scores), losses)

    def places(resamples: Resamples) -> tuple[Integers, Floats]:
        taken, free = [], np.full(resamples.counts.shape[1], float(k))
        for member in order:
            taken.append(np.minimum(resamples.counts[member], free))
            free -= taken[-1]
            if not free.any():
                break
        return order[: len(taken)], np.array(taken)

    return places


def _places_permuted_twice(
    scores: Floats, losses: Floats, truth: Floats, k: int
) -> Callable[[Resamples], tuple[Integers, Floats]]:
    """Do the same as `_places_by_score` with the places of `twice_permuted_top`."""
    ascending, ranks = Ordering(truth), score_ranks(scores, losses)

    def places(resamples: Resamples) -> tuple[Integers, Floats]:
        members = ascending.order[ascending.sequence(resamples)].T
        taken = np.zeros_like(resamples.counts)
        np.add.at(taken, (permuted_twice(members, ranks)[:, -k:], np.arange(len(members))[:, None]), 1.0)
        return np.arange(len(taken)), taken

    return places


def _quadratic(counts: Floats, matrix: Floats) -> Floats:
    """Compute w'Mw for every column w; all values are small integers, so float64 is exact in any order of summation."""
    result: Floats = np.einsum("ib,ib->b", matrix @ counts, counts)
    return result


def _correlation(product: Floats, first: Floats, second: Floats) -> Floats:
    """Compute product / sqrt(first · second); nan where it is undefined."""
    defined = (first > 0) & (second > 0)
    scale = np.sqrt(np.where(defined, first, 1.0)) * np.sqrt(np.where(defined, second, 1.0))
    return np.where(defined, np.clip(product / scale, -1.0, 1.0), np.nan)


def _surplus(sequence: npt.NDArray[np.signedinteger[Any]], ties: Sequence[npt.NDArray[np.bool_]]) -> Floats:
    """Count rises minus falls (resamples,) of a sequence (n, resamples) over tied positions (`Ordering.ties`)."""
    # A position is in fewer than n pairs, so the absolute value of its sum is below n, as for places.
    surplus = np.zeros_like(sequence)
    for lag, tied in enumerate(ties, start=1):
        surplus[lag:] += tied * np.sign(sequence[lag:] - sequence[:-lag])
    total: Floats = surplus.sum(axis=0, dtype=np.float64)
    return total


def _mean_and_std(counts: Floats, values: Floats, total: int) -> tuple[Floats, Floats]:
    """Compute mean and standard deviation (divided by `total`) of values (n,), per column of counts."""
    mean: Floats = np.einsum("ib,i->b", counts, values) / total
    variance: Floats = np.einsum("ib,ib->b", counts, (values[:, None] - mean) ** 2) / total
    return mean, np.sqrt(variance)
