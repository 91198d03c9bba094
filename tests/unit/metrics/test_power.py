"""Power of tests: against scipy and by simulation with effects of the size that is said to be found."""

import math

import numpy as np
import pytest
from scipy import stats

from supernet.metrics.effects import standard_error
from supernet.metrics.power import (
    LEVEL,
    MOST_SEEDS,
    NORMAL_DETECTABLE,
    Spread,
    fewest,
    rank_sum_critical,
    rank_sum_shift,
    seeds_for,
)

STUDIES = 10_000


@pytest.mark.parametrize("seeds", [3, 5, 12])
@pytest.mark.parametrize("level", [0.05, 0.05 / 20])
def test_without_an_error_from_the_pool_the_power_is_that_of_the_noncentral_t(seeds: int, level: float) -> None:
    found = Spread(0.05, 0.0, seeds).detectable(level)
    noncentrality = found / (0.05 / math.sqrt(seeds))
    power = stats.nct.sf(stats.t.ppf(1 - level / 2, seeds - 1), seeds - 1, noncentrality)
    assert power == pytest.approx(0.8, abs=1e-3)


def test_with_known_errors_the_power_is_that_of_the_normal_distribution() -> None:
    known = Spread(0.0, 0.02, 3)
    assert known.size == 0.02
    assert known.detectable() == pytest.approx(0.02 * NORMAL_DETECTABLE, rel=1e-4)
    # An effect of zero passes if its estimate is within the margin minus half of the interval.
    assert known.equivalence() == pytest.approx(0.02 * (stats.norm.ppf(0.975) + stats.norm.ppf(0.9)), rel=1e-4)
    assert Spread(0.0, 0.0, 3).detectable() == Spread(0.0, 0.0, 3).equivalence() == 0


def simulated(spread: Spread, effect: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate studies: estimated effects, standard errors and degrees of freedom, as in `standard_error`."""
    rng = np.random.default_rng(spread.seeds)
    of_pool = spread.pool_error * rng.normal(size=(STUDIES, 1))
    singles = effect + spread.sd * rng.normal(size=(STUDIES, spread.seeds)) + of_pool
    errors = [standard_error(one, spread.pool_error**2) for one in singles]
    return singles.mean(axis=1), np.array([one.size for one in errors]), np.array([one.freedom for one in errors])


SPREADS = [Spread(0.05, 0.0, 3), Spread(0.05, 0.02, 3), Spread(0.05, 0.01, 5), Spread(0.05, 0.03, 8)]


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("settings", [1, 20])
def test_an_effect_of_the_smallest_size_is_found_in_four_of_five_studies(spread: Spread, settings: int) -> None:
    level = LEVEL / settings
    means, errors, freedoms = simulated(spread, spread.detectable(level))
    significant = (2 * stats.t.sf(means / errors, freedoms) < level).mean()
    assert significant == pytest.approx(0.8, abs=0.015)
    means, errors, freedoms = simulated(spread, spread.detectable(level) / 4)
    assert (2 * stats.t.sf(means / errors, freedoms) < level).mean() < 0.5


@pytest.mark.parametrize("spread", SPREADS)
def test_the_smallest_margin_holds_the_interval_of_four_of_five_studies_without_a_difference(spread: Spread) -> None:
    means, errors, freedoms = simulated(spread, 0.0)
    reach, margin = errors * stats.t.ppf(0.975, freedoms), spread.equivalence()
    within = (means - reach > -margin) & (means + reach < margin)
    assert within.mean() == pytest.approx(0.8, abs=0.015)


def test_the_number_of_seeds_is_the_first_that_is_enough() -> None:
    def reach(spread: Spread) -> float:
        return spread.detectable(LEVEL / 4)

    for sd, pool_error in ((0.05, 0.0), (0.05, 0.01), (0.2, 0.02)):
        found = seeds_for(0.1, sd, pool_error, reach)
        assert found is not None and found > 3
        assert reach(Spread(sd, pool_error, found - 1)) > 0.1 >= reach(Spread(sd, pool_error, found))
    assert seeds_for(0.1, 1e-6, 0.0, reach) == 3
    # No number of seeds reduces the error from the choice of architectures.
    assert seeds_for(0.1, 0.001, 0.05, reach) is None
    assert fewest(lambda number: number >= MOST_SEEDS, 3, MOST_SEEDS) == MOST_SEEDS


@pytest.mark.parametrize(("larger", "smaller"), [(3, 3), (5, 3), (6, 7)])
@pytest.mark.parametrize("level", [0.05, 0.01])
def test_the_critical_value_of_rank_sums_is_that_of_scipy(larger: int, smaller: int, level: float) -> None:
    found = rank_sum_critical(larger, smaller, level)
    pairs = larger * smaller

    def p_value(count: int) -> float:
        """The p-value of samples in which the first is larger in so many pairs."""
        tops = [min(smaller, max(0, count - smaller * place)) for place in range(larger)]
        first = np.array([top + 0.01 * place - 0.5 for place, top in enumerate(tops)])
        result = stats.mannwhitneyu(first, np.arange(smaller), alternative="greater", method="exact")
        assert result.statistic == count
        return float(result.pvalue)

    assert all((p_value(count) <= level) == (count >= found) for count in range(pairs + 1))


@pytest.mark.parametrize(("larger", "smaller", "level"), [(3, 3, 0.05), (5, 4, 0.05), (8, 8, 0.05 / 6)])
def test_a_shift_of_the_smallest_size_is_found_by_rank_sums(larger: int, smaller: int, level: float) -> None:
    shift = rank_sum_shift(larger, smaller, level)
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(4_000, larger)) + shift, rng.normal(size=(4_000, smaller))
    p = stats.mannwhitneyu(first, second, alternative="greater", method="exact", axis=1).pvalue
    assert (p <= level).mean() == pytest.approx(0.8, abs=0.03)


def test_three_seeds_find_nothing_after_a_correction() -> None:
    assert math.isinf(rank_sum_shift(3, 3, LEVEL / 2)) and math.isfinite(rank_sum_shift(3, 3, LEVEL))
