"""Bootstrap intervals: percentiles, coverage, undefined resamples, blocks."""

import math

import numpy as np
from metric_samples import example, same
from scipy import stats

from supernet.metrics.bootstrap import bootstrap
from supernet.metrics.evaluate import predictor_taus
from supernet.metrics.resampling import Ordering, Resamples, resample_counts
from supernet.metrics.statistics import GroundTruth, rank_correlations


def test_blocks_do_not_change_the_intervals():
    """`bootstrap` computes 2 000 resamples of 40 architectures in several blocks; here they are one block."""
    accuracy, _, truth = example()
    estimate = predictor_taus(accuracy, truth, 1e-3, np.random.default_rng(5), resamples=2000)["kdt"]
    resamples = Resamples(resample_counts(len(truth), 2000, np.random.default_rng(5)))
    taus = rank_correlations(Ordering(accuracy), GroundTruth(truth, 1e-3))(resamples)["kdt"]
    assert same([estimate.low, estimate.high], np.percentile(taus, [2.5, 97.5]).tolist())


def test_interval_is_the_percentile_of_the_resamples():
    accuracy, _, truth = example()
    estimate = predictor_taus(accuracy, truth, 1e-3, np.random.default_rng(5), resamples=200)["kdt"]
    counts = resample_counts(len(truth), 200, np.random.default_rng(5)).astype(int)
    chosen = [np.repeat(np.arange(len(truth)), weights) for weights in counts]
    taus = [stats.kendalltau(accuracy[i], truth[i]).statistic for i in chosen]
    assert same(estimate.value, stats.kendalltau(accuracy, truth).statistic)
    assert same([estimate.low, estimate.high], np.percentile(taus, [2.5, 97.5]).tolist())


def test_intervals_cover_the_tau_of_a_bivariate_normal():
    rng = np.random.default_rng(11)
    correlation = 0.6
    expected = 2 / math.pi * math.asin(correlation)
    covered = 0
    for _ in range(300):
        x, y = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=60).T
        estimate = predictor_taus(x, stats.norm.cdf(y), 1e-3, rng, resamples=300)["kdt"]
        covered += estimate.low <= expected <= estimate.high
    # 95 % nominal; the standard error of 300 trials is 1.3 %, and the percentile bootstrap falls a little
    # short at n = 60.
    assert 0.90 <= covered / 300 <= 0.985


def test_undefined_resamples_are_dropped_until_they_are_many():
    def family_with(undefined):
        def family(resamples):
            values = np.arange(resamples.counts.shape[1], dtype=float)
            return {"metric": np.where(values < undefined, np.nan, values)}

        return family

    rng = np.random.default_rng(0)
    few = bootstrap([("score", family_with(5))], 3, rng, resamples=100)[0].estimate
    assert (few.low, few.high) == tuple(np.percentile(np.arange(5, 100), [2.5, 97.5]))
    many = bootstrap([("score", family_with(6))], 3, rng, resamples=100)[0].estimate
    assert math.isnan(many.low) and math.isnan(many.high)
