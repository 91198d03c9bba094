"""The jackknife: metrics without each architecture, and standard errors against those of the bootstrap."""

import math

import numpy as np
import pytest
from hypothesis import given
from metric_samples import example, pools, quick, same
from scipy import stats

from supernet.metrics.concordance import Ranks
from supernet.metrics.definitions import kendall_tau, round_truth, spearman
from supernet.metrics.jackknife import (
    Pair,
    interval,
    mean_without_each,
    std_without_each,
    variance,
)
from supernet.metrics.resampling import Ordering, Resamples, resample_counts
from supernet.metrics.statistics import GroundTruth, rank_correlations


def without_each(metric, *columns):
    """Compute a metric of columns (n,) without each of their values."""
    return [metric(*(np.delete(column, one) for column in columns)) for one in range(len(columns[0]))]


@quick
@given(pools())
def test_correlations_without_each_architecture(pool):
    scores, truth = pool
    pair = Pair(Ranks(scores), Ranks(truth))
    assert same(pair.tau_without_each().tolist(), without_each(kendall_tau, scores, truth))
    assert same(pair.spearman_without_each().tolist(), without_each(spearman, scores, truth))


def test_moments_without_each_value():
    values = np.random.default_rng(0).random(50)
    assert same(mean_without_each(values).tolist(), without_each(np.mean, values))
    assert same(std_without_each(values).tolist(), without_each(np.std, values))


def test_the_variance_of_a_mean_is_that_of_the_textbook():
    values = np.random.default_rng(1).random(200)
    textbook = values.var(ddof=1) / 200
    assert variance(mean_without_each(values), 0.0) == pytest.approx(textbook)
    # With the correction for a finite population.
    assert variance(mean_without_each(values), 0.25) == pytest.approx(0.75 * textbook)
    assert variance(mean_without_each(values), 1.0) == 0


@pytest.mark.parametrize(("n", "decimals"), [(200, 3), (500, 3), (500, 16)])
def test_standard_errors_are_those_of_the_bootstrap(n, decimals):
    scores, _, truth = example(n, seed=n, decimals=decimals)
    resamples = Resamples(resample_counts(n, 4_000, np.random.default_rng(0)))
    resampled = rank_correlations(Ordering(scores), GroundTruth(truth, 2e-3))(resamples)
    exact, rounded = (Pair(Ranks(scores), Ranks(reference)) for reference in (truth, round_truth(truth, 2e-3)))
    found = {
        "kdt": exact.tau_without_each(),
        "s_kdt": rounded.tau_without_each(),
        "spearman": exact.spearman_without_each(),
    }
    for name, values in found.items():
        assert math.sqrt(variance(values, 0.0)) == pytest.approx(resampled[name].std(), rel=0.08), name


def test_intervals_cover_the_tau_of_a_bivariate_normal():
    rng = np.random.default_rng(11)
    expected = 2 / math.pi * math.asin(0.6)
    covered = 0
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=300).T
        pair = Pair(Ranks(x), Ranks(y))
        one = interval(kendall_tau(x, y), math.sqrt(variance(pair.tau_without_each(), 0.0)))
        covered += one.low <= expected <= one.high
    # 95 % nominal; the standard error of 400 trials is 1.1 %.
    assert 0.92 <= covered / 400 <= 0.98


def test_a_sample_of_a_finite_population_has_a_smaller_error():
    """Half of a population, drawn without replacement: the tau of all is covered by intervals that are 0.7 as wide."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal(1_000)
    y = x + rng.standard_normal(1_000)
    tau, errors = kendall_tau(x, y), []
    for _ in range(400):
        chosen = rng.choice(1_000, 500, replace=False)
        pair = Pair(Ranks(x[chosen]), Ranks(y[chosen]))
        one = kendall_tau(x[chosen], y[chosen])
        errors.append((one - tau) / math.sqrt(variance(pair.tau_without_each(), 0.5)))
    assert np.std(errors) == pytest.approx(1, abs=0.1)


def test_an_interval_is_cut_and_undefined_without_an_error():
    one = interval(0.99, 0.1, bound=1.0)
    assert (one.low, one.high) == (pytest.approx(0.99 - 0.1 * stats.norm.ppf(0.975)), 1.0)
    for value, error in ((math.nan, 0.1), (0.5, math.nan)):
        found = interval(value, error)
        assert same(found.value, value) and math.isnan(found.low) and math.isnan(found.high)
    # Without the first architecture one side is constant, so there is no leave-one-out value.
    pair = Pair(Ranks(np.array([1.0, 0, 0, 0])), Ranks(np.arange(4)))
    assert math.isnan(variance(pair.tau_without_each(), 0.0))
