"""Metrics of a block of resamples against the same metrics of each resample written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_samples import by_two_sorts, example, explicit_metrics, pools, quick, same, tau_b_by_pairs

from supernet.metrics.definitions import (
    positional_sparse_kendall_tau,
    sparse_kendall_tau,
    spearman,
    truth_rank,
)
from supernet.metrics.resampling import Ordering, Resamples, resample_counts
from supernet.metrics.statistics import (
    GroundTruth,
    moments,
    positional_correlation,
    rank_correlations,
    search_performance,
)


def families_of(accuracy, loss, truth, *, threshold, **search):
    known = GroundTruth(truth, threshold)
    families = [
        ("accuracy", moments(accuracy, "accuracy", "accuracy_std")),
        ("loss", moments(loss, "loss")),
    ]
    for name, scores in (("accuracy", accuracy), ("loss", -loss)):
        families += [
            (name, rank_correlations(Ordering(scores), known)),
            (name, positional_correlation(Ordering(scores), known, "0.1")),
            (name, positional_correlation(Ordering(scores), known, "1")),
            (name, search_performance(scores, loss, truth, **search)),
        ]
    return families


@pytest.mark.parametrize(("n", "decimals"), [(12, 2), (40, 3), (61, 6), (128, 3), (129, 2), (200, 4)])
def test_every_resample_equals_an_explicit_pool(n, decimals):
    accuracy, loss, truth = example(n, seed=n, decimals=decimals)
    options = {
        "threshold": 2e-3,
        "k": 4,
        "draws": 3,
        "population_truth": np.append(truth, [0.95, 0.91, 0.88]),
    }
    counts = resample_counts(n, 40, np.random.default_rng(n))
    resamples = Resamples(counts)
    computed = {
        (score, name): values
        for score, family in families_of(accuracy, loss, truth, **options)
        for name, values in family(resamples).items()
    }
    for row, weights in enumerate(counts.astype(int)):
        chosen = np.repeat(np.arange(n), weights)
        expected = explicit_metrics(accuracy[chosen], loss[chosen], truth[chosen], **options)
        assert computed.keys() == expected.keys()
        for key, value in expected.items():
            assert same(computed[key][row], value), (key, row)


@quick
@given(pools(), st.integers(0, 2**32 - 1))
def test_resampled_correlations_with_any_ties(pool, seed):
    scores, truth = pool
    counts = resample_counts(len(scores), 5, np.random.default_rng(seed))
    known, resamples = GroundTruth(truth, 1e-3), Resamples(counts)
    computed = rank_correlations(Ordering(scores), known)(resamples)
    computed |= positional_correlation(Ordering(scores), known, "1")(resamples)
    for row, weights in enumerate(counts.astype(int)):
        chosen = np.repeat(np.arange(len(scores)), weights)
        assert same(computed["kdt"][row], tau_b_by_pairs(scores[chosen], truth[chosen]))
        assert same(computed["s_kdt"][row], sparse_kendall_tau(scores[chosen], truth[chosen]))
        assert same(computed["spearman"][row], spearman(scores[chosen], truth[chosen]))
        positional = positional_sparse_kendall_tau(scores[chosen], truth[chosen], 1e-2)
        assert same(computed["s_kdt_positional_1"][row], positional)


def test_equal_scores_rank_nothing() -> None:
    """In the order of the ground truth too, where a stable sort of equal scores is the perfect order."""
    truth, scores = np.linspace(0.5, 0.9, 8), np.full(8, 0.1)
    counts = np.vstack([np.ones((1, 8)), resample_counts(8, 20, np.random.default_rng(0))])
    known = GroundTruth(truth, 1e-3)
    for percent in ("0.1", "1"):
        found = positional_correlation(Ordering(scores), known, percent)(Resamples(counts))
        assert np.isnan(found[f"s_kdt_positional_{percent}"]).all()
        # One more score ranks the architectures of a resample that has both.
        other = positional_correlation(Ordering(np.append(scores[1:], 0.2)), known, percent)(Resamples(counts))
        expected = (counts[:, 7] > 0) & (counts[:, 7] < 8)
        assert (np.isfinite(other[f"s_kdt_positional_{percent}"]) == expected).all()


def test_resample_counts_are_multinomial():
    counts = resample_counts(10, 20_000, np.random.default_rng(0))
    assert counts.shape == (20_000, 10)
    assert (counts.sum(axis=1) == 10).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.03)
    covariance = np.cov(counts.T)
    np.testing.assert_allclose(covariance, np.eye(10) - 0.1, atol=0.04)  # n (diag(p) - pp')


def test_search_performance_permutes_twice_in_every_resample() -> None:
    rng = np.random.default_rng(3)
    truth, scores, k = rng.permutation(40) / 100 + 0.5, rng.normal(size=40), 5
    options = {"k": k, "draws": k, "population_truth": truth}
    family = search_performance(scores, -scores, truth, top_order="permuted_twice", **options)
    counts = np.vstack([np.ones((1, 40)), resample_counts(40, 20, rng)])
    found = family(Resamples(counts))
    for row, drawn in enumerate(counts.astype(int)):
        # Copies have one ground truth and one score: in a stable sort it does not matter which is which.
        best = by_two_sorts(np.repeat(scores, drawn), np.repeat(truth, drawn), k)
        assert found["final_mean"][row] == pytest.approx(np.mean(best))
        assert found["final_best"][row] == max(best)
        rank = truth_rank(max(best), truth)
        assert found["p_surpass"][row] == pytest.approx((1 - rank / 40) ** k)
    straight = search_performance(scores, -scores, truth, **options)(Resamples(counts))
    assert not np.array_equal(found["final_mean"], straight["final_mean"])
