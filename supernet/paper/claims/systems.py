"""Claim 4: with a well-trained super-net, random search matches complex systems.

What a search found is measured by the quantile of its ground truth among the architectures of the space or pool: 0 is
the best. A search that found nothing with a ground truth, because its super-net or the stand-alone training diverged or
the table does not list the architecture, counts as the worst, 1. Random search is compared with each other system over
seeds by exact rank-sum tests (Wilcoxon), with the other system shifted by `MARGIN`. Yes: random search is not worse
than any other system by more than the margin, each test at 5 %; all must pass, so none is corrected. No: it is worse
than one by more than the margin, at 5 % after Bonferroni's correction. A system is equivalent if neither of the two is
worse than the other by more than the margin. Without search systems, or with fewer than `FEWEST_SEEDS` seeds of any,
the answer is unknown. The claim is about well-trained super-nets: a search whose super-net was trained too little
(`supernet.paper.systems.too_short`) decides nothing. If it is random search, the answer is unknown; if it is another
system, the others can still decide that the answer is no. The power is that for normal quantiles with the standard
deviation between seeds, pooled over systems.
"""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet.metrics.power import FEWEST_SEEDS, LEVEL, MOST_RANKED, fewest, rank_sum_shift
from supernet.paper.claims.answer import Answer, SpaceAnswer
from supernet.paper.load import Results
from supernet.paper.systems import SYSTEM_NAMES, TOO_SHORT, WELL_TRAINED, too_short

MARGIN = 0.05
"""Difference of quantiles, five percentage points of rank, that claim 4 ignores. This project's choice, fixed before
results were looked at."""
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
        own = {"random search": float(np.mean(found))} if found else {}
        return SpaceAnswer(space, "unknown", own, missing=("search systems (`searches` in the study file)",))
    best = systems[systems["rank"] == 1]
    short = best.loc[too_short(best), "system"]
    return compare(space, best, tuple(map(str, short.unique())))


def compare(space: str, best: pd.DataFrame, short: tuple[str, ...] = ()) -> SpaceAnswer:
    """Compare random search with each other system; `best` has system, truth and truth_quantile, one row per seed.

    `short` names the systems whose super-nets were trained too little.
    """
    found = best["truth_quantile"].where(best["truth"].notna(), 1.0).astype(float)
    quantiles: dict[str, Floats] = {
        str(name): np.array(found[rows.index], dtype=np.float64) for name, rows in best.groupby("system", sort=False)
    }
    own: Floats = quantiles.pop(RANDOM_SEARCH, np.empty(0, dtype=np.float64))
    numbers = {"random search": float(own.mean())} if own.size else {}
    if not quantiles or min(len(own), *map(len, quantiles.values())) < FEWEST_SEEDS:
        least = min(len(own), *map(len, quantiles.values())) if quantiles else 0
        lacking = f"{FEWEST_SEEDS} seeds of random search and each other system (has {least})"
        return SpaceAnswer(space, "unknown", numbers, missing=(lacking,))
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
    said: Answer = "yes" if len(passed) == len(quantiles) and not short else "unknown"
    if RANDOM_SEARCH not in short and any(
        p <= LEVEL / len(quantiles) for name, p in inferior.items() if name not in short
    ):
        said = "no"
    power, missing, reached = _power(own, list(quantiles.values()))
    if short:
        numbers["too short"] = float(len(short))
        missing = (_longer(short), *missing)
    return SpaceAnswer(space, said, numbers, power, missing if said == "unknown" else (), reached)


def _longer(short: Sequence[str]) -> str:
    """Say which searches are too short for a verdict."""
    names = ", ".join(SYSTEM_NAMES[name] for name in short)
    return (
        f"a larger budget: {names} trained less than {100 * WELL_TRAINED:.0f} % of the baseline's super-net, "
        f"{TOO_SHORT}"
    )


def _power(own: Floats, others: Sequence[Floats]) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, float]]:
    """Return what the study finds, what is missing for an answer, and the numbers of both by name."""
    freedom = sum(len(one) - 1 for one in (own, *others))
    sd = math.sqrt(sum((len(one) - 1) * float(one.var(ddof=1)) for one in (own, *others)) / freedom)
    least = min(map(len, others))
    level = LEVEL / len(others)
    shift = rank_sum_shift(len(own), least, level)
    slack = MARGIN - sd * rank_sum_shift(least, len(own), LEVEL)
    allowed = f"up to a difference of {slack:.2f}" if slack >= 0 else f"if it is better by {-slack:.2f}"
    not_worse = f"finds that random search is not worse {allowed}"
    seeds = fewest(lambda count: sd * rank_sum_shift(count, count, LEVEL) <= MARGIN, FEWEST_SEEDS, MOST_RANKED)
    reached = {"power, worse by at most": slack, **({} if seeds is None else {"seeds, not worse": float(seeds)})}
    enough = seeds is not None and seeds <= min(least, len(own))
    number = f"more than {MOST_RANKED}" if seeds is None else f"about {seeds}"
    missing = [
        "nothing, the differences are near the margin"
        if enough
        else f"{number} seeds to find that an equal search is not worse"
    ]
    if math.isinf(shift):
        # All values of one sample are larger than all of the other in one of so many orders.
        needed = fewest(lambda count: 1 / math.comb(2 * count, count) <= level, FEWEST_SEEDS, MOST_RANKED)
        missing.append(f"{needed} seeds to find that it is worse than one of {len(others)} systems")
        return (not_worse,), tuple(missing), reached
    worse = MARGIN + sd * shift
    found = f"finds that it is worse from a difference of {worse:.2f}"
    return (not_worse, found), tuple(missing), reached | {"power, worse by": worse}


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
