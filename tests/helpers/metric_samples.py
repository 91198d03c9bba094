"""Pools with ties, slow reference metrics, and `evaluate` with small defaults, for the tests of metrics."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from scipy import stats

from supernet.metrics.definitions import (
    positional_sparse_kendall_tau,
    probability_to_surpass,
    round_truth,
    top_k,
    truth_rank,
)
from supernet.metrics.evaluate import evaluate

# No deadline: a busy machine may stall, which is not a failure.
quick = settings(max_examples=60, deadline=None)


def tau_b_by_pairs(x, y):
    """Compute tau-b by its textbook definition, pair by pair."""
    concordant = discordant = untied_x = untied_y = 0
    for i, j in itertools.combinations(range(len(x)), 2):
        product = (int(x[i] > x[j]) - int(x[i] < x[j])) * (int(y[i] > y[j]) - int(y[i] < y[j]))
        concordant += product > 0
        discordant += product < 0
        untied_x += x[i] != x[j]
        untied_y += y[i] != y[j]
    return (concordant - discordant) / math.sqrt(untied_x * untied_y) if untied_x and untied_y else math.nan


def same(value, expected):
    return value == pytest.approx(expected, abs=1e-12, nan_ok=True)


four_decimals = st.integers(0, 10_000).map(lambda i: i / 10_000)
coarse = st.integers(0, 12).map(lambda i: round(0.9 + i / 2000, 4))
accuracies = st.one_of(four_decimals, coarse)


@st.composite
def pools(draw, elements=accuracies, smallest=3):
    """Draw scores and ground truth of the same length, with likely ties."""
    n = draw(st.integers(smallest, 30))
    columns = st.lists(elements, min_size=n, max_size=n)
    return np.array(draw(columns)), np.array(draw(columns))


def example(n=40, seed=0, decimals=3):
    """Return a pool with ties: accuracy, loss and ground truth."""
    rng = np.random.default_rng(seed)
    truth = np.round(0.9 + 0.01 * rng.standard_normal(n), decimals)
    accuracy = np.round(0.4 + 3 * (truth - 0.9) + 0.03 * rng.standard_normal(n), 2)
    return accuracy, np.round(2 - accuracy + 0.02 * rng.standard_normal(n), 3), truth


def evaluated(accuracy, loss, truth, seed=1, **changes):
    options = {
        "threshold": 1e-3,
        "k": 5,
        "draws": 5,
        "population": len(truth),
        "population_truth": truth,
        "resamples": 50,
    }
    rng = np.random.default_rng(seed)
    return evaluate([(accuracy, loss)], truth, rng=rng, **(options | changes))[0]


def explicit_metrics(accuracy, loss, truth, *, threshold, k, draws, population_truth):
    """Compute every metric of one explicit pool with the public functions."""
    values = {
        ("accuracy", "accuracy"): np.mean(accuracy),
        ("accuracy", "accuracy_std"): np.std(accuracy),
        ("loss", "loss"): np.mean(loss),
    }
    for name, scores in (("accuracy", accuracy), ("loss", -loss)):
        best = truth[top_k(scores, k, loss)]
        rank = truth_rank(best.max(), population_truth)
        surpass = probability_to_surpass(rank, len(population_truth), draws)
        values |= {
            (name, "kdt"): stats.kendalltau(scores, truth).statistic,
            (name, "s_kdt"): stats.kendalltau(scores, round_truth(truth, threshold)).statistic,
            (name, "spearman"): stats.spearmanr(scores, truth).statistic,
            (name, "s_kdt_positional_0.1"): positional_sparse_kendall_tau(scores, truth, 1e-3),
            (name, "s_kdt_positional_1"): positional_sparse_kendall_tau(scores, truth, 1e-2),
            (name, "p_surpass"): surpass,
            (name, "p_surpass_complement"): 1 - surpass,
            (name, "final_mean"): np.mean(best),
            (name, "final_std"): np.std(best),
            (name, "final_best"): np.max(best),
        }
    return values


def by_two_sorts(scores: np.ndarray, truth: np.ndarray, k: int) -> list[float]:
    """Return the ground truth of the best after two sorts of lists, with scores in the order of ground truth."""
    names = sorted(range(len(truth)), key=lambda one: truth[one])
    in_order = [scores[one] for one in names]
    for _ in range(2):
        names = [name for _, name in sorted(zip(in_order, names, strict=True), key=lambda pair: pair[0])]
    return sorted(float(truth[name]) for name in names[-k:])
