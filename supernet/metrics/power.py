"""Power of the tests of a study: the differences that they find, and the numbers of seeds that they need.

The power of t-tests is integrated over the estimated variance between seeds, which has a chi-square distribution. If
the choice of architectures adds no error, the statistic has the noncentral t-distribution. Effects are taken as normal,
and the error from the choice of architectures as known. The power of rank-sum tests is simulated for normal values.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import chdtri, ndtr, ndtri, stdtrit

from supernet.metrics.arrays import Floats
from supernet.rng import stream

LEVEL = 0.05
POWER = 0.8
FEWEST_SEEDS = 3
"""Minimum number of seeds that a setting and the baseline have in common for a test: two give no useful variance."""
MOST_SEEDS = 1_000
"""More are not looked for: no study trains so many."""
MOST_RANKED = 30
"""The same for rank-sum tests, whose power is simulated."""
NORMAL_DETECTABLE = float(ndtri(1 - LEVEL / 2) + ndtri(POWER))
"""The effect, in standard errors, that a two-sided test with a known error finds."""
_POINTS, _STEPS, _SIMULATED = 1_000, 50, 4_000


@dataclass(frozen=True, slots=True)
class Spread:
    """The errors of an effect, which is a mean over seeds.

    `sd` is the standard deviation of single seeds, `pool_error` the standard error from the choice of architectures,
    which more seeds do not reduce.
    """

    sd: float
    pool_error: float
    seeds: int

    @property
    def size(self) -> float:
        """The standard error of the effect."""
        return math.hypot(self.pool_error, self.sd / math.sqrt(self.seeds))

    def detectable(self, level: float = LEVEL) -> float:
        """Return the effect that a two-sided t-test at `level` finds with the power `POWER`."""
        reaches = self._reaches(level)
        return _smallest(lambda effect: float(ndtr((effect - reaches) / self.size).mean()), 10 * float(reaches.max()))

    def equivalence(self, level: float = LEVEL) -> float:
        """Return the margin that holds the interval of an effect of zero with the power `POWER`.

        The interval is two-sided at 1 - `level`, as that of two one-sided tests at `level` / 2.
        """
        reaches = self._reaches(level)

        def power(margin: float) -> float:
            return float(np.maximum(2 * ndtr((margin - reaches) / self.size) - 1, 0).mean())

        return _smallest(power, 10 * float(reaches.max()))

    def _reaches(self, level: float) -> Floats:
        """Half of the lengths of equally likely intervals at 1 - `level`."""
        tails = (np.arange(_POINTS) + 0.5) / _POINTS
        if not self.size:
            return np.zeros(1)
        of_seeds = self.sd**2 / self.seeds * chdtri(self.seeds - 1, tails) / (self.seeds - 1)
        total = of_seeds + self.pool_error**2
        with np.errstate(divide="ignore"):
            freedom = (self.seeds - 1) * (total / of_seeds) ** 2
        reaches: Floats = np.sqrt(total) * stdtrit(freedom, 1 - level / 2)
        return reaches


def seeds_for(difference: float, sd: float, pool_error: float, reach: Callable[[Spread], float]) -> int | None:
    """Return the smallest number of seeds whose `reach` is at most `difference`.

    Returns None if more than `MOST_SEEDS` are needed, as where the error from the choice of architectures is too large.
    """
    return fewest(lambda seeds: reach(Spread(sd, pool_error, seeds)) <= difference, FEWEST_SEEDS, MOST_SEEDS)


def _smallest(power: Callable[[float], float], most: float) -> float:
    """Return the value from 0 to `most` at which an increasing `power` reaches `POWER`; 0 if `most` is 0."""
    low, high = 0.0, most
    for _ in range(_STEPS if most else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high


def fewest(enough: Callable[[int], bool], least: int, most: int) -> int | None:
    """Return the smallest number from `least` to `most` that is enough, if every larger one is; None if none is."""
    if not enough(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@cache
def rank_sum_shift(larger: int, smaller: int, level: float) -> float:
    """Return the shift, in standard deviations, that a one-sided rank-sum test finds with the power `POWER`.

    The samples have `larger` and `smaller` normal values of equal variance. Returns infinity if no result is
    significant at `level`. Simulated, with an error below 2 %.
    """
    critical = rank_sum_critical(larger, smaller, level)
    if critical > larger * smaller:
        return math.inf
    values = stream(0, "power of rank sums").normal(size=(_SIMULATED, larger + smaller))
    differences = (values[:, :larger, None] - values[:, None, larger:]).reshape(_SIMULATED, -1)
    # The test is significant if so many pairs have a positive difference: the shift must turn the last one of them.
    last = np.partition(differences, -critical, axis=1)[:, -critical]
    return float(np.quantile(-last, POWER))


def rank_sum_critical(larger: int, smaller: int, level: float) -> int:
    """Return the fewest pairs in which the first of two samples must be larger, for a one-sided test at `level`.

    Of samples without ties; larger than the number of pairs if all of them are not enough.
    """
    ways: Floats = np.zeros(larger * smaller + 1)
    ways[0] = 1
    # Numbers of orders by the number of such pairs: the Gaussian binomial coefficient (Mann and Whitney 1947).
    for one in range(1, larger + 1):
        for place in range(len(ways) - 1, smaller + one - 1, -1):
            ways[place] -= ways[place - smaller - one]
        for place in range(one, len(ways)):
            ways[place] += ways[place - one]
    tail = np.cumsum(ways[::-1])[::-1] / ways.sum()
    return int((tail > level + 1e-12).sum())
