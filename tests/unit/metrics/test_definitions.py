"""Tau, S-KdT, Spearman, top k and P>R against scipy, loops over pairs, and values worked out by hand."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from metric_samples import accuracies, four_decimals, pools, quick, same, tau_b_by_pairs
from scipy import stats

from supernet.metrics.definitions import (
    kendall_tau,
    positional_ranks,
    positional_sparse_kendall_tau,
    probability_to_surpass,
    round_truth,
    sparse_kendall_tau,
    sparse_truth,
    spearman,
    top_k,
    truth_rank,
    twice_permuted_top,
)


def positional_by_loop(scores, truth, threshold):
    """The authors' procedure on exact decimals: dense ranks along sorted ground truth, then both orders.

    Equal scores, which their code does not distinguish from a perfect order, have no value.
    """
    if len(set(scores)) == 1:
        return math.nan
    bins = [math.floor(Fraction(str(value)) / Fraction(str(threshold))) for value in truth]
    ranks, rank, previous = {}, -1, -1
    by_truth = sorted(range(len(truth)), key=lambda i: truth[i])
    for i in by_truth:
        rank += bins[i] > previous
        ranks[i], previous = rank, bins[i]
    by_score = sorted(range(len(truth)), key=lambda i: scores[i])
    return tau_b_by_pairs([ranks[i] for i in by_truth], [ranks[i] for i in by_score])


@quick
@given(pools())
def test_kendall_tau_is_the_textbook_tau_b(pool):
    assert same(kendall_tau(*pool), tau_b_by_pairs(*pool))


@quick
@given(pools())
def test_spearman_is_pearson_of_mid_ranks(pool):
    scores, truth = pool
    assume(np.ptp(scores) > 0 and np.ptp(truth) > 0)
    expected = np.corrcoef(stats.rankdata(scores), stats.rankdata(truth))[0, 1]
    assert same(spearman(scores, truth), expected)


def test_known_correlations():
    # One swap of neighbours among four: 5 pairs agree, 1 disagrees; Spearman 1 - 6·2 / (4·15).
    assert same(kendall_tau([1, 2, 3, 4], [1, 3, 2, 4]), 4 / 6)
    assert same(spearman([1, 2, 3, 4], [1, 3, 2, 4]), 0.8)
    # A tie on one side: 5 pairs agree of 5 untied and 6 untied.
    assert same(kendall_tau([1, 2, 2, 3], [1, 2, 3, 4]), 5 / math.sqrt(30))


@pytest.mark.parametrize("correlation", [kendall_tau, spearman])
def test_a_constant_side_is_undefined(correlation):
    assert math.isnan(correlation([1, 1, 1], [1, 2, 3]))
    assert math.isnan(correlation([1, 2, 3], [0.5, 0.5, 0.5]))
    assert math.isnan(correlation([1], [1]))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1, 2, 3], "lengths x 2, y 3"),
        ([[1, 2]], [1, 2], "shape"),
        ([1, math.nan], [1, 2], "nan at index 1"),
    ],
)
def test_unusable_arrays_are_named(x, y, message):
    with pytest.raises(ValueError, match=message):
        kendall_tau(x, y)


@pytest.mark.parametrize(
    ("truth", "threshold", "rounded", "floor"),
    [
        (0.9435, 0.001, 944, 943),  # 943.4999999999999 in binary
        (0.29, 0.01, 29, 29),  # 28.999999999999996 in binary
        (0.57, 0.01, 57, 57),  # 56.99999999999999 in binary
        (0.9434, 0.001, 943, 943),
        (0.94349, 0.001, 943, 943),
        (float(np.float32(0.9435)), 0.001, 944, 943),
        (float(np.float32(0.934)), 0.001, 934, 934),
        (1.0, 0.001, 1000, 1000),
        (0.0, 0.001, 0, 0),
    ],
)
def test_bin_edges_are_those_of_decimals(truth, threshold, rounded, floor):
    assert round_truth([truth], threshold).tolist() == [rounded]
    # Ranks show the floor: the edge itself shares a bin with the middle of the bin above it.
    middle = (floor + 0.5) * threshold if floor < 1 / threshold else 1.0
    assert positional_ranks([truth, middle], threshold).tolist() == [0, 0]


@quick
@given(
    st.lists(four_decimals, min_size=1, max_size=20),
    st.sampled_from(["0.0001", "0.0002", "0.0005", "0.001", "0.01", "0.05"]),
)
def test_bins_equal_exact_decimal_arithmetic(truth, threshold):
    exact = [Fraction(str(value)) / Fraction(threshold) for value in truth]
    assert round_truth(truth, float(threshold)).tolist() == [math.floor(e + Fraction(1, 2)) for e in exact]
    floors = sorted({math.floor(e) for e in exact})
    expected = [floors.index(math.floor(e)) for e in exact]
    assert positional_ranks(truth, float(threshold)).tolist() == expected
    in_float32 = np.array(truth, dtype=np.float32)
    assert positional_ranks(in_float32, float(threshold)).tolist() == expected


@pytest.mark.parametrize(
    ("truth", "threshold"), [([94.35], 1e-3), ([-0.1], 1e-3), ([0.9], 0.0), ([0.9], 1e-9), ([0.9], 2.0)]
)
def test_rounding_refuses_percent_and_odd_thresholds(truth, threshold):
    with pytest.raises(ValueError, match="fraction"):
        round_truth(truth, threshold)


@quick
@given(pools())
def test_sparse_tau_is_tau_against_rounded_truth(pool):
    scores, truth = pool
    rounded = [math.floor(Fraction(str(value)) * 1000 + Fraction(1, 2)) for value in truth]
    assert same(sparse_kendall_tau(scores, truth), tau_b_by_pairs(scores, rounded))


@quick
@given(pools(), st.sampled_from([0.001, 0.01]))
def test_positional_tau_is_the_authors_procedure(pool, threshold):
    assert same(positional_sparse_kendall_tau(*pool, threshold), positional_by_loop(*pool, threshold))


def test_positional_tau_by_hand():
    truth = [0.911, 0.9112, 0.925, 0.931]
    assert positional_ranks(truth, 1e-2).tolist() == [0, 0, 1, 2]
    assert positional_ranks(truth, 1e-3).tolist() == [0, 0, 1, 2]
    # In predicted order the ranks read 0 1 0 2, against 0 0 1 2. Pairs of positions (1,4), (2,4) and (3,4)
    # agree, (2,3) disagrees, (1,2) ties in the one and (1,3) in the other: (3 - 1) / sqrt(5 * 5).
    assert same(positional_sparse_kendall_tau([1, 3, 2, 4], truth), 2 / 5)
    assert same(positional_sparse_kendall_tau([1, 2, 3, 4], truth), 1.0)
    # Equal scores rank nothing, whatever the order of the input.
    assert math.isnan(positional_sparse_kendall_tau([7, 7, 7, 7], truth))
    assert math.isnan(positional_sparse_kendall_tau([7, 7, 7, 7], truth[::-1]))
    assert same(positional_sparse_kendall_tau([7, 7, 7, 8], truth), 1.0)
    assert math.isnan(positional_sparse_kendall_tau([1, 2], [0.911, 0.912]))


@quick
@given(pools())
def test_a_monotone_change_of_scores_changes_no_correlation(pool):
    scores, truth = pool
    changed = np.exp(3 * scores) - 5
    for correlation in (
        kendall_tau,
        spearman,
        sparse_kendall_tau,
        positional_sparse_kendall_tau,
    ):
        assert same(correlation(changed, truth), correlation(scores, truth))


@quick
@given(st.data())
def test_the_order_of_architectures_changes_no_correlation(data):
    n = data.draw(st.integers(3, 20))
    truth = np.array(data.draw(st.lists(accuracies, min_size=n, max_size=n)))
    ties = np.array(data.draw(st.lists(accuracies, min_size=n, max_size=n)))
    distinct = np.array(data.draw(st.permutations(range(n))), dtype=float)
    order = np.array(data.draw(st.permutations(range(n))))
    for correlation in (kendall_tau, spearman, sparse_kendall_tau):
        assert same(correlation(ties[order], truth[order]), correlation(ties, truth))
    positional = positional_sparse_kendall_tau
    assert same(positional(distinct[order], truth[order]), positional(distinct, truth))


def test_top_k_breaks_ties_by_loss_then_by_index():
    scores = [0.5, 0.7, 0.7, 0.7, 0.1]
    assert top_k(scores, 4).tolist() == [1, 2, 3, 0]
    assert top_k(scores, 4, losses=[1, 3, 2, 2, 9]).tolist() == [2, 3, 1, 0]
    for k in (0, 6):
        with pytest.raises(ValueError, match=f"k is {k}, expected 1 to 5"):
            top_k(scores, k)


def test_truth_rank_counts_the_strictly_better():
    population = [0.1, 0.9, 0.5, 0.9, 0.7]
    assert [truth_rank(value, population) for value in (0.9, 0.7, 0.5, 0.1)] == [1, 3, 4, 5]
    assert truth_rank(0.6, population) == 4  # not in the sample: three are better
    assert truth_rank(0.0, population) == 5  # at most N
    assert truth_rank(1.0, population) == 1


def test_probability_to_surpass_by_hand():
    assert same(probability_to_surpass(rank=1, population=2, draws=3), 1 / 8)
    assert same(probability_to_surpass(rank=3, population=4, draws=2), 1 / 16)
    assert probability_to_surpass(rank=15_625, population=15_625, draws=10) == 0
    assert same(probability_to_surpass(rank=1, population=15_625, draws=10), (15_624 / 15_625) ** 10)


def test_probability_to_surpass_counts_random_searches():
    """All 5² random searches of two draws over five architectures: how many stay strictly below rank r."""
    for rank in range(1, 6):
        below = sum(best > rank for best in map(min, itertools.product(range(1, 6), repeat=2)))
        assert same(probability_to_surpass(rank, 5, 2), below / 25)


@pytest.mark.parametrize(("rank", "population", "draws"), [(0, 5, 1), (6, 5, 1), (1, 0, 1), (1, 5, 0)])
def test_probability_to_surpass_refuses_impossible_arguments(rank, population, draws):
    with pytest.raises(ValueError, match="expected"):
        probability_to_surpass(rank, population, draws)


def test_twice_permuted_top_is_the_example_by_hand() -> None:
    scores, truth = [0.3, 0.1, 0.2], [0.90, 0.91, 0.92]
    assert top_k(scores, 1).tolist() == [0]
    assert twice_permuted_top(scores, 1, [0, 0, 0], truth).tolist() == [1]
    # The order of the input does not matter: identifiers count from the worst ground truth.
    assert twice_permuted_top([0.1, 0.2, 0.3], 1, [0, 0, 0], [0.91, 0.92, 0.90]).tolist() == [0]
    with pytest.raises(ValueError, match="k is 4"):
        twice_permuted_top(scores, 4, [0, 0, 0], truth)


def test_sparse_truth_rounds_or_cuts_off() -> None:
    truth = [0.9044, 0.9046, 0.9099]
    bins, width = sparse_truth(truth, "rounded", 1e-3)
    assert (bins.tolist(), width) == ([904, 905, 910], 1e-3)
    bins, width = sparse_truth(truth, "positional_1", 1e-3)
    assert (bins.tolist(), width) == ([90, 90, 90], 1e-2)
    assert sparse_truth(truth, "positional_0.1", 1e-2)[0].tolist() == [904, 904, 909]
