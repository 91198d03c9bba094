"""Intervals of metrics of large pools, from the metric without each of the architectures (the jackknife).

The metric is computed n times, each time without one architecture, from sums over all of them, in O(n log n) in total.
With t_i the value without architecture i and m their mean, the variance of the metric is (1 - f) (n - 1) / n times the
sum of (t_i - m)^2 (Arvesen 1969 for functions of U-statistics, such as tau-b). f is the share of the population that is
scored: a pool is drawn without replacement, so nothing is left to chance if it is the whole population.
"""

import math

import numpy as np

from supernet.metrics.arrays import Floats, Integers
from supernet.metrics.concordance import Ranks, concordance
from supernet.metrics.interval import Estimate

QUANTILE = 1.959964
"""97.5 % of a standard normal variable are below this."""


class Pair:
    """Two rankings of n architectures, and their agreement without each one of them."""

    def __init__(self, x: Ranks, y: Ranks) -> None:
        self.x, self.y = x, y
        self.agreement: Integers = concordance(x, y)
        """Concordant minus discordant partners of each architecture (n,)."""

    def tau_without_each(self) -> Floats:
        """Compute tau-b of the others for each architecture (n,); nan where one side is then constant."""
        return _ratio(
            self.agreement.sum() - 2 * self.agreement,
            *(ranks.untied.sum() - 2 * ranks.untied for ranks in (self.x, self.y)),
        )

    def spearman_without_each(self) -> Floats:
        """Compute Spearman's correlation of the others for each architecture (n,); nan as in `tau_without_each`.

        Without architecture i, `centred` of each j is smaller by sign(x_j - x_i).
        """
        x, y = self.x.centred, self.y.centred
        products = (x * y).sum() - x * y - _weighted(x, self.y) - _weighted(y, self.x) + self.agreement
        squares = (
            (one * one).sum() - one * one - 2 * _weighted(one, ranks) + ranks.untied
            for one, ranks in ((x, self.x), (y, self.y))
        )
        return _ratio(products, *squares)


def mean_without_each(values: Floats) -> Floats:
    """Compute the mean of the others for each of n values (n,)."""
    means: Floats = (values.sum() - values) / (len(values) - 1)
    return means


def std_without_each(values: Floats) -> Floats:
    """Compute the standard deviation (divided by n - 1, their number) of the others for each of n values (n,)."""
    others = len(values) - 1
    deviations = values - values.mean()
    squares = (deviations**2).sum() - deviations**2
    stds: Floats = np.sqrt(np.maximum(squares / others - (deviations / others) ** 2, 0.0))
    return stds


def variance(without_each: Floats, share: float) -> float:
    """Compute the jackknife variance from the metric without each architecture (n,); nan if one is nan.

    `share` is the part of the population that is scored, from 0 to 1.
    """
    n = len(without_each)
    return float((1 - share) * (n - 1) / n * ((without_each - without_each.mean()) ** 2).sum())


def interval(value: float, error: float, quantile: float = QUANTILE, bound: float = math.inf) -> Estimate:
    """Return an estimate with its symmetric interval, cut at -`bound` and `bound`; nan if value or error is nan."""
    if math.isnan(value) or math.isnan(error):
        return Estimate(value, math.nan, math.nan)
    reach = quantile * error
    return Estimate(value, max(value - reach, -bound), min(value + reach, bound))


def _weighted(weights: Integers, ranks: Ranks) -> Integers:
    """Compute for each i the sum over j of weights_j sign(rank_j - rank_i); the weights (n,) sum to 0."""
    sums = np.zeros(ranks.groups, dtype=np.int64)
    np.add.at(sums, ranks.places, weights)
    higher = -np.cumsum(sums)
    found: Integers = (2 * higher + sums)[ranks.places]
    return found


def _ratio(product: Integers, first: Integers, second: Integers) -> Floats:
    """Compute product / sqrt(first · second); nan where it is undefined."""
    defined = (first > 0) & (second > 0)
    scale = np.sqrt(np.where(defined, first, 1)) * np.sqrt(np.where(defined, second, 1))
    return np.where(defined, product / scale, np.nan)
