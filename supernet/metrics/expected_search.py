"""What random search finds on average over all its draws, computed exactly from the scores of a pool."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from supernet.metrics.arrays import Floats


@dataclass(frozen=True)
class ExpectedSearch:
    """Means over all searches that draw n of the N architectures of a pool and keep the k with the best scores.

    - `best`: ground truth of the architecture with the best score; `best_sd` is its standard deviation.
    - `kept`: mean ground truth of the k architectures with the best scores.

    They are exact for searches in the pool. If the pool is the whole space, no search has to be drawn to know them; if
    it is a uniform sample, they are unbiased estimates for the space.
    """

    best: float
    best_sd: float
    kept: float


def expected_search(truth_by_score: Floats, drawn: int, kept: int) -> ExpectedSearch:
    """Compute the means from the ground truth (N,), sorted by score, best first.

    Raises ValueError unless 1 <= kept <= drawn <= N, or if a ground truth is not finite.
    """
    if not np.isfinite(truth_by_score).all():
        raise ValueError("expected_search: a ground truth is not finite")
    best = chances(len(truth_by_score), drawn, 1)
    mean = float(best @ truth_by_score)
    variance = float(best @ (truth_by_score - mean) ** 2)
    among = chances(len(truth_by_score), drawn, kept)
    return ExpectedSearch(mean, variance**0.5, float(among @ truth_by_score) / kept)


def chances(population: int, drawn: int, kept: int) -> Floats:
    """Compute the probability that each of N architectures, best score first, is among the k best of n drawn ones.

    An architecture is drawn with probability n/N, and kept if fewer than k of the other n - 1 have better scores, whose
    number is hypergeometric. The probabilities (N,) have the sum k.

    Raises ValueError unless 1 <= kept <= drawn <= population.
    """
    if not 1 <= kept <= drawn <= population:
        raise ValueError(f"chances: keeps {kept} of {drawn} of {population}; expected 1 <= kept <= drawn <= population")
    if population == 1:
        return np.ones(1)  # scipy's distribution is nan without other architectures
    better = np.arange(population)
    few: Floats = np.asarray(hypergeom.cdf(kept - 1, population - 1, better, drawn - 1))
    return drawn / population * few
