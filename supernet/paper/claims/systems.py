"""Claim 4: with a well-trained super-net, random search matches complex systems.

What a search found is measured by the quantile of its ground truth among the architectures of the space or pool: 0 is
the best. A search that found nothing with a ground truth, because its super-net or the stand-alone training diverged or
the table does not list the architecture, counts as the worst, 1. Random search is compared with each other system over
seeds by exact rank-sum tests (Wilcoxon), with the other system shifted by `MARGIN`. Yes: random search is not worse
than any other system by more than the margin, each test at 5 %; all must pass, so none is corrected. No: it is worse
than one by more than the margin, at 5 % after Bonferroni's correction. A system is equivalent if neither of the two is
worse than the other by more than the margin. Without search systems, or with fewer than `FEWEST_SEEDS` seeds of any,
the answer is unknown.
"""

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet.metrics.effects import LEVEL
from supernet.paper.claims.answer import Answer, SpaceAnswer
from supernet.paper.load import Results

MARGIN = 0.05
"""Difference of quantiles, five percentage points of rank, that claim 4 ignores. This project's choice, fixed before
results were looked at."""
FEWEST_SEEDS = 3
"""With three seeds each, a one-sided test can just reach 5 %."""
RANDOM_SEARCH = "random_search"
_MOST = 200_000
"""Largest number of permutations that are enumerated."""

Floats = npt.NDArray[np.float64]


def answer(results: Results, space: str) -> SpaceAnswer:
    """Apply the rule to the search systems of a space; without them, return the results of random search."""
    searches = results.study.searches
    systems = results.systems(space) if searches is not None and searches.in_all else None
    if systems is None:
        means = [search.found["truth_quantile"].mean() for search in results.searches(space).values()]
        found = [mean for mean in means if math.isfinite(mean)]
        return SpaceAnswer(space, "unknown", {"random search": float(np.mean(found))} if found else {})
    return compare(space, systems[systems["rank"] == 1])


def compare(space: str, best: pd.DataFrame) -> SpaceAnswer:
    """Compare random search with each other system; `best` has system, truth and truth_quantile, one row per seed."""
    found = best["truth_quantile"].where(best["truth"].notna(), 1.0).astype(float)
    quantiles: dict[str, Floats] = {
        str(name): np.array(found[rows.index], dtype=np.float64) for name, rows in best.groupby("system", sort=False)
    }
    own: Floats = quantiles.pop(RANDOM_SEARCH, np.empty(0, dtype=np.float64))
    numbers = {"random search": float(own.mean())} if own.size else {}
    if not quantiles or min(len(own), *map(len, quantiles.values())) < FEWEST_SEEDS:
        return SpaceAnswer(space, "unknown", numbers)
    # Small quantiles are good: random search is worse where its quantiles are large.
    inferior = {name: rank_sum_p(own, values + MARGIN) for name, values in quantiles.items()}
    not_inferior = {name: rank_sum_p(values + MARGIN, own) for name, values in quantiles.items()}
    not_superior = {name: rank_sum_p(own + MARGIN, values) for name, values in quantiles.items()}
    passed = [name for name, p in not_inferior.items() if p <= LEVEL]
    numbers |= {
        "best other system": min(float(values.mean()) for values in quantiles.values()),
        "margin": MARGIN,
        "systems": float(len(quantiles)),
        "not inferior to": float(len(passed)),
        "equivalent to": float(sum(not_superior[name] <= LEVEL for name in passed)),
        "smallest p": max(1 / math.comb(len(own) + len(values), len(own)) for values in quantiles.values()),
    }
    said: Answer = "yes" if len(passed) == len(quantiles) else "unknown"
    if min(inferior.values()) <= LEVEL / len(quantiles):
        said = "no"
    return SpaceAnswer(space, said, numbers)


def rank_sum_p(larger: Floats, smaller: Floats) -> float:
    """Return the one-sided p-value of the hypothesis that `larger` is not larger than `smaller`.

    Wilcoxon's rank-sum test with mid-ranks, exact given the ties: the share of all divisions of the values into groups
    of these sizes whose rank sum is at least as large. Above `_MOST` divisions, the normal approximation.
    """
    from scipy import stats

    # Quantiles are ratios, and a margin was added: equal ones may differ in the last digit.
    ranks = stats.rankdata(np.round(np.concatenate([larger, smaller]), 12))
    observed, count = ranks[: len(larger)].sum(), len(larger)
    if math.comb(len(ranks), count) > _MOST:
        return float(stats.mannwhitneyu(larger, smaller, alternative="greater", method="asymptotic").pvalue)
    sums = np.array([ranks[list(chosen)].sum() for chosen in combinations(range(len(ranks)), count)])
    return float((sums >= observed - 1e-9).mean())
