"""What random search finds on average, against all its draws."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernet.metrics.expected_search import chances, expected_search

sizes = st.integers(1, 9).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(1, n)).flatmap(
        lambda pair: st.tuples(st.just(pair[0]), st.just(pair[1]), st.integers(1, pair[1]))
    )
)


@given(sizes, st.integers(0, 99))
def test_the_means_are_those_over_all_draws(size: tuple[int, int, int], seed: int) -> None:
    population, drawn, kept = size
    truth = np.random.default_rng(seed).random(population)
    # Positions are ranks by score: the kept ones of a draw are its smallest.
    searches = list(combinations(range(population), drawn))
    best = [truth[one[0]] for one in searches]
    found = expected_search(truth, drawn, kept)
    assert found.best == pytest.approx(np.mean(best))
    assert found.best_sd == pytest.approx(np.std(best), abs=1e-7)
    assert found.kept == pytest.approx(np.mean([truth[list(one[:kept])].mean() for one in searches]))


@given(sizes)
def test_chances_count_every_kept_architecture_once(size: tuple[int, int, int]) -> None:
    population, drawn, kept = size
    found = chances(population, drawn, kept)
    assert found.sum() == pytest.approx(kept)
    assert (np.diff(found) <= 1e-12).all(), "a better score makes it likelier to be kept"


def test_a_whole_space_takes_no_time_and_agrees_with_simulated_searches() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random(15_625)
    found = expected_search(truth, 100, 10)
    draws = np.array([np.sort(generator.choice(15_625, 100, replace=False))[:10] for _ in range(2_000)])
    means = truth[draws].mean(axis=1)
    assert abs(means.mean() - found.kept) < 4 * means.std() / 2_000**0.5


@pytest.mark.parametrize(("population", "drawn", "kept"), [(5, 6, 1), (5, 3, 4), (5, 3, 0), (0, 0, 0)])
def test_impossible_searches_are_refused(population: int, drawn: int, kept: int) -> None:
    with pytest.raises(ValueError, match="expected 1 <= kept <= drawn <= population"):
        chances(population, drawn, kept)


def test_a_missing_ground_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        expected_search(np.array([0.5, np.nan]), 1, 1)
