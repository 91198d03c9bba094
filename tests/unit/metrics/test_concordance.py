"""Concordance of each architecture with all others: against explicit pairs, and scipy at the benchmarks' sizes."""

import math

import numpy as np
import pytest
from hypothesis import given
from metric_samples import pools, quick
from scipy import stats

from supernet.metrics.concordance import Ranks, concordance


@quick
@given(pools(smallest=1))
def test_concordance_is_the_sum_over_all_partners(pool):
    x, y = pool
    pairs = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
    assert concordance(Ranks(x), Ranks(y)).tolist() == pairs.sum(axis=1).tolist()


@quick
@given(pools(smallest=1))
def test_ranks_count_what_is_lower_and_what_is_higher(pool):
    values, _ = pool
    ranks = Ranks(values)
    assert ranks.below.tolist() == [int((values < one).sum()) for one in values]
    assert ranks.above.tolist() == [int((values > one).sum()) for one in values]
    assert ranks.untied.tolist() == [int((values != one).sum()) for one in values]
    mid_ranks = stats.rankdata(values)
    assert ranks.centred.tolist() == (2 * mid_ranks - len(values) - 1).tolist()


@pytest.mark.parametrize("n", [15_625, 423_624])
@pytest.mark.parametrize("decimals", [3, 16])
def test_tau_of_a_whole_space_has_the_bits_of_scipy(n, decimals):
    rng = np.random.default_rng(n)
    truth = (0.9 + 0.02 * rng.standard_normal(n)).round(decimals)
    scores = (truth + 0.02 * rng.standard_normal(n)).round(decimals)
    x, y = Ranks(scores), Ranks(truth)
    numerator = int(concordance(x, y).sum()) // 2
    tau = numerator / math.sqrt(x.untied.sum() // 2) / math.sqrt(y.untied.sum() // 2)
    assert tau == stats.kendalltau(scores, truth).statistic
    assert 0.3 < tau < 0.7
