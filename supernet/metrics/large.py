"""Metrics of pools that are too large for the matrices of the bootstrap, and of pools that are the whole space.

Estimates are those of `definitions`. Intervals of correlations and moments come from the jackknife; `jackknife` has the
theory. Two kinds of metrics are not smooth in the pool, and the jackknife does not hold for them:

- The positional S-KdT compares places, and one architecture less moves all places after it. Its standard error comes
  from `GROUPS` random groups of the pool: the standard deviation of their values over the square root of their number.
- P>R and final performance depend on the K best only. A resample of n architectures with replacement has the K best
  among the first few architectures by score, so only these are resampled; percentiles are as in `bootstrap`.

If the whole space is scored (share 1), there is no other pool: both ends of an interval are the estimate.
"""

import math
from collections.abc import Mapping

import numpy as np

from supernet.metrics.arrays import Floats
from supernet.metrics.bootstrap import bootstrap
from supernet.metrics.concordance import Ranks
from supernet.metrics.definitions import (
    POSITIONAL_THRESHOLDS,
    kendall_tau,
    positional_sparse_kendall_tau,
    round_truth,
    spearman,
    top_k,
    twice_permuted_top,
)
from supernet.metrics.interval import Estimate
from supernet.metrics.jackknife import QUANTILE, Pair, interval, mean_without_each, std_without_each, variance
from supernet.metrics.measures import LARGEST_BOOTSTRAP
from supernet.metrics.resampling import Resamples, first_counts
from supernet.metrics.statistics import search_performance

GROUPS = 20
QUANTILE_OF_GROUPS = 2.093024
"""97.5 % of Student's t with `GROUPS` - 1 degrees of freedom are below this."""

Estimates = Mapping[str, Estimate]


def is_resampled(n: int, share: float, largest: int = LARGEST_BOOTSTRAP) -> bool:
    """Return whether the intervals of n architectures, a share of their population, come from `bootstrap`."""
    return n <= largest and share < 1


class LargePool:
    """Ground truth (n,) of a large pool, its share of the population, and what all its scores have in common."""

    def __init__(self, truth: Floats, threshold: float, share: float, rng: np.random.Generator) -> None:
        self.truth, self.share = truth, share
        self.rounded = round_truth(truth, threshold)
        self.exact_ranks, self.rounded_ranks = Ranks(truth), Ranks(self.rounded)
        self._groups = np.array_split(rng.permutation(len(truth)), GROUPS)
        # The same resamples for every score, whatever was computed before.
        self._seed = int(rng.integers(2**63))

    def correlations(self, scores: Floats) -> Estimates:
        """Return kdt, s_kdt, spearman and both positional S-KdT of scores (n,)."""
        values = {
            "kdt": kendall_tau(scores, self.truth),
            "s_kdt": kendall_tau(scores, self.rounded),
            "spearman": spearman(scores, self.truth),
        }
        positional = {f"s_kdt_positional_{percent}": edge for percent, edge in POSITIONAL_THRESHOLDS}
        values |= {name: positional_sparse_kendall_tau(scores, self.truth, edge) for name, edge in positional.items()}
        if self.share >= 1:
            return {name: _exact(value) for name, value in values.items()}
        ranks = Ranks(scores)
        exact, rounded = Pair(ranks, self.exact_ranks), Pair(ranks, self.rounded_ranks)
        without = {
            "kdt": exact.tau_without_each(),
            "s_kdt": rounded.tau_without_each(),
            "spearman": exact.spearman_without_each(),
        }
        found = {name: _by_jackknife(values[name], one, self.share, bound=1.0) for name, one in without.items()}
        return found | {
            name: interval(values[name], self._error_from_groups(scores, edge), QUANTILE_OF_GROUPS, bound=1.0)
            for name, edge in positional.items()
        }

    def search_performance(
        self,
        scores: Floats,
        losses: Floats,
        *,
        k: int,
        draws: int,
        population_truth: Floats,
        top_order: str,
        resamples: int,
    ) -> Estimates:
        """Return final_mean, final_std, final_best, p_surpass and its complement, as in `statistics`.

        The order `permuted_twice` depends on all places, which takes O(n log n) per resample: it has no interval.
        """
        if top_order == "sorted":
            # So many that a resample has k of them, except with a probability below 1e-20.
            first = min(len(scores), k + math.ceil(10 * math.sqrt(k)) + 50)
            members = top_k(scores, len(scores), losses)[:first]
        else:
            members = twice_permuted_top(scores, k, losses, self.truth)
        chosen = [values[members] for values in (scores, losses, self.truth)]
        family = search_performance(*chosen, k=k, draws=draws, population_truth=population_truth)
        if top_order != "sorted" or self.share >= 1:
            values = {name: float(value[0]) for name, value in family(Resamples(np.ones((1, len(members))))).items()}
            return {
                name: _exact(value) if self.share >= 1 else Estimate(value, math.nan, math.nan)
                for name, value in values.items()
            }
        rng = np.random.default_rng(self._seed)
        measures = bootstrap(
            [("", family)],
            len(members),
            rng,
            resamples,
            draw=lambda first, count, rng: first_counts(first, len(scores), count, rng),
        )
        return {one.metric: one.estimate for one in measures}

    def _error_from_groups(self, scores: Floats, threshold: float) -> float:
        """Return the standard error of the positional S-KdT; nan if it is undefined in a group."""
        truth = self.truth
        values = np.array([positional_sparse_kendall_tau(scores[one], truth[one], threshold) for one in self._groups])
        return float(values.std(ddof=1)) * math.sqrt((1 - self.share) / GROUPS)


def moments(values: Floats, share: float, mean_name: str, std_name: str | None = None) -> Estimates:
    """Return mean and, if it is named, standard deviation (divided by n) of values (n,)."""
    found = {mean_name: (float(values.mean()), mean_without_each(values))}
    if std_name is not None:
        found[std_name] = (float(values.std()), std_without_each(values))
    return {name: _by_jackknife(value, without, share) for name, (value, without) in found.items()}


def _by_jackknife(value: float, without_each: Floats, share: float, bound: float = math.inf) -> Estimate:
    return interval(value, math.sqrt(variance(without_each, share)), QUANTILE, bound)


def _exact(value: float) -> Estimate:
    return Estimate(value, value, value)
