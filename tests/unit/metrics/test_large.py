"""Metrics of large pools and of whole spaces: values of the definitions, and intervals like those of the bootstrap."""

import dataclasses
import math
import tracemalloc

import numpy as np
import pytest
from metric_samples import by_two_sorts, evaluated, example, explicit_metrics, same

from supernet.metrics.arrays import Floats
from supernet.metrics.definitions import kendall_tau, positional_sparse_kendall_tau, round_truth
from supernet.metrics.evaluate import correlations, predictor_taus, without_truth
from supernet.metrics.halves import Halves
from supernet.metrics.large import GROUPS, LargePool, is_resampled
from supernet.metrics.measures import LARGEST_BOOTSTRAP
from supernet.metrics.resampling import first_counts

LARGE = LARGEST_BOOTSTRAP + 200


def test_the_bootstrap_ends_at_a_size_and_at_the_whole_space() -> None:
    assert is_resampled(LARGEST_BOOTSTRAP, 0.5) and not is_resampled(LARGEST_BOOTSTRAP + 1, 0.5)
    assert not is_resampled(40, 1.0)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_large_pool_has_the_metrics_of_the_definitions(share: float) -> None:
    pool = example(LARGE)
    options = {"threshold": 2e-3, "k": 6, "draws": 4}
    expected = explicit_metrics(*pool, population_truth=pool[2], **options)
    measures = evaluated(*pool, **options, share=share)
    assert {(one.score, one.metric) for one in measures} == expected.keys()
    assert len(measures) == len(expected)
    for one in measures:
        assert same(one.estimate.value, expected[one.score, one.metric]), one
        assert one.n == LARGE and one.estimate.low <= one.estimate.high


def test_scores_of_a_whole_space_have_no_error_of_sampling() -> None:
    """At every size: a space can be smaller than the largest pool of the bootstrap."""
    for n in (40, LARGE):
        accuracy, loss, truth = example(n)
        for one in evaluated(accuracy, loss, truth, share=1.0):
            assert one.estimate.low == one.estimate.value == one.estimate.high, one
        for one in without_truth([(accuracy, loss)], rng=np.random.default_rng(0), share=1.0)[0]:
            assert one.estimate.low == one.estimate.value == one.estimate.high, one


def test_intervals_are_like_those_of_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of 900 is measured both ways; the positional S-KdT has a rougher error, from 20 groups."""
    pool = example(900, decimals=4)
    resampled = evaluated(*pool, resamples=1_000)
    monkeypatch.setattr("supernet.metrics.evaluate.is_resampled", lambda n, share: False)
    for one, other in zip(
        sorted(evaluated(*pool, resamples=4_000), key=lambda one: (one.metric, one.score)),
        sorted(resampled, key=lambda one: (one.metric, one.score)),
        strict=True,
    ):
        assert (one.metric, one.score) == (other.metric, other.score)
        width, expected = (two.estimate.high - two.estimate.low for two in (one, other))
        rough = 0.5 if "positional" in one.metric else 0.25 if one.metric.startswith(("final", "p_")) else 0.12
        assert width == pytest.approx(expected, rel=rough), one.metric


def test_the_error_of_the_positional_form_is_that_of_its_groups() -> None:
    """The error over 200 pools is on average the standard deviation of the value over these pools."""
    rng = np.random.default_rng(3)
    values, errors = [], []
    for _ in range(200):
        truth = (0.9 + 0.01 * rng.standard_normal(LARGE)).clip(0, 1)
        scores = truth + 0.01 * rng.standard_normal(LARGE)
        values.append(positional_sparse_kendall_tau(scores, truth, 1e-2))
        errors.append(LargePool(truth, 1e-3, 0.0, rng)._error_from_groups(scores, 1e-2))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(values), rel=0.25)
    assert GROUPS == 20


def test_only_the_first_architectures_are_drawn() -> None:
    counts = first_counts(10, 1_000, 20_000, np.random.default_rng(0))
    assert counts.shape == (20_000, 10)
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.03)
    np.testing.assert_allclose(np.cov(counts.T), np.eye(10), atol=0.05)
    whole = first_counts(10, 10, 50, np.random.default_rng(0))
    assert (whole.sum(axis=1) == 10).all()


def test_collapsed_scores_have_no_correlation_and_the_order_of_the_authors_no_interval() -> None:
    accuracy, loss, truth = example(LARGE)
    flat = {one.metric: one.estimate for one in evaluated(np.full(LARGE, 0.1), loss, truth) if one.score == "accuracy"}
    for name in ("kdt", "s_kdt", "s_kdt_positional_1", "spearman"):
        assert all(math.isnan(value) for value in dataclasses.astuple(flat[name]))
    distinct = accuracy + np.linspace(0, 1e-3, LARGE)
    permuted = evaluated(distinct, -distinct, truth, top_order="permuted_twice")
    final = next(one.estimate for one in permuted if (one.metric, one.score) == ("final_mean", "accuracy"))
    assert final.value == pytest.approx(np.mean(by_two_sorts(distinct, truth, 5)))
    assert math.isnan(final.low) and math.isnan(final.high)


def test_scores_that_are_measured_together_are_measured_as_alone() -> None:
    pools = [example(LARGE, seed=seed) for seed in range(2)]
    truth = pools[0][2]
    scored = [(accuracy, loss) for accuracy, loss, _ in pools]
    together = correlations(scored, truth, threshold=1e-3, rng=np.random.default_rng(1))
    alone = [correlations([one], truth, threshold=1e-3, rng=np.random.default_rng(1))[0] for one in scored]
    assert together == alone and together[0] != together[1]
    taus = predictor_taus(pools[0][0], truth, 1e-3, np.random.default_rng(1))
    assert taus == {one.metric: one.estimate for one in together[0][:5] if one.metric != "spearman"}


def test_a_whole_space_needs_little_memory() -> None:
    """A matrix of n x n would take 1.95 GB."""
    rng = np.random.default_rng(0)
    n = 15_625
    truth: Floats = 0.5 + 0.4 * rng.random(n)
    tracemalloc.start()
    try:
        evaluated(truth, -truth, truth, share=0.9)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30e6


def test_halves_of_a_large_pool_have_the_s_kdt_of_the_definition_in_little_memory() -> None:
    accuracy, loss, truth = example(2 * LARGE)
    halves = Halves.draw(len(truth), np.random.default_rng(0), splits=2)
    tracemalloc.start()
    _, taus, _ = halves.measure(accuracy, loss, truth, 2e-3, 5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rounded = round_truth(truth, 2e-3)
    assert taus.tolist() == [kendall_tau(accuracy[half], rounded[half]) for half in halves.first]
    assert peak < 8 * LARGE**2 / 2, "signs of all pairs"
