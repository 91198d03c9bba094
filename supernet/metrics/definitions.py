"""Definitions of the metrics of one pool: tau, S-KdT, Spearman, top k, P>R.

The metrics are those of Yu, Ranftl and Salzmann, "How to Train Your Super-Net" (arXiv 2003.04276): super-net accuracy,
Kendall's tau (KdT), sparse Kendall's tau (S-KdT), probability to surpass random search (P>R) and final search
performance. "The authors' code" is their public repository kcyu2014/nas-landmarkreg (`nasws/cnn/utils.py` and the
visualization folder). All accuracies are fractions in 0..1. Architectures come in one fixed order, by `arch_id`.

`statistics` computes the same metrics for many bootstrap resamples at once.
"""

import math

import numpy as np
import numpy.typing as npt

from supernet.metrics.arrays import Floats, Integers, fractions, same_length, vector

EDGE_TOLERANCE = 1e-7
"""An accuracy that is less than this below the edge of a bin counts as on it.

A fraction that passed through float32 is off by up to 6e-8, and one image of a million is 1e-6. Rounding therefore
never moves an architecture to another bin, but one more correct image always can."""
SMALLEST_THRESHOLD = 1e-6
POSITIONAL_THRESHOLDS = (("0.1", 1e-3), ("1", 1e-2))
"""Thresholds of the authors' S-KdT, named in percent: the first is in their training code, the second in their
tables."""
SPARSE_THRESHOLD = 1e-3


def kendall_tau(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Compute Kendall's tau-b of two arrays (n,); nan if it is undefined (one side constant, or n < 2).

    Raises ValueError for other shapes and for values that are not finite.
    """
    x, y = same_length(x=x, y=y)
    if _is_constant(x) or _is_constant(y):
        return math.nan
    # Imported here: the import takes a third of a second, and most programs do not call this function.
    from scipy import stats

    return float(stats.kendalltau(x, y).statistic)


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Compute Spearman's rank correlation of two arrays (n,), ties by mid-ranks; nan, errors as in `kendall_tau`."""
    x, y = same_length(x=x, y=y)
    if _is_constant(x) or _is_constant(y):
        return math.nan
    from scipy import stats

    return float(stats.spearmanr(x, y).statistic)


def sparse_kendall_tau(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = SPARSE_THRESHOLD) -> float:
    """Compute S-KdT: tau-b of scores (n,) against ground truth (n,) rounded to `threshold`; nan as in `kendall_tau`."""
    scores, truth = same_length(scores=scores, truth=truth)
    return kendall_tau(scores, round_truth(truth, threshold))


def positional_sparse_kendall_tau(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = 1e-2) -> float:
    """Compute S-KdT of the authors' code: tau-b of `positional_ranks` in ground-truth order and in predicted order.

    The p-th architecture by ground truth is paired with the p-th by score, so a perfect order gives 1 even where ground
    truth ties. Both sorts are ascending and stable: architectures of equal score keep the order of the input (by
    convention `arch_id`), and the value can depend on that order. nan if all architectures fall into one bin. Unlike in
    their code, also nan if all scores are equal: the value would be that of the order of the input alone.
    """
    scores, truth = same_length(scores=scores, truth=truth)
    if _is_constant(scores):
        return math.nan
    ranks = positional_ranks(truth, threshold)
    return kendall_tau(np.sort(ranks), ranks[np.argsort(scores, kind="stable")])


def round_truth(truth: npt.ArrayLike, threshold: float) -> Integers:
    """Round ground truth (n,) to whole multiples of `threshold`: to the nearest, halves upwards.

    The edges of the bins are decimal numbers: .9435 at .001 is 944, although .9435 / .001 is 943.4999… in binary
    floating point (see `EDGE_TOLERANCE`). Raises ValueError for accuracies outside 0..1 or a threshold outside 1e-6..1.
    """
    return _bins(truth, threshold, offset=0.5)


def positional_ranks(truth: npt.ArrayLike, threshold: float) -> Integers:
    """Compute dense ranks (n,) of ground truth as in the authors' code: 0 for the worst, in the order of the input.

    With the architectures sorted by ground truth, a new rank starts whenever ⌊accuracy / threshold⌋ grows. Unlike in
    their code, .29 at .01 falls in bin 29, not 28 (edges and errors as in `round_truth`).
    """
    ranks: Integers = np.unique(_bins(truth, threshold, offset=0.0), return_inverse=True)[1]
    return ranks


def sparse_truth(truth: npt.ArrayLike, definition: str, threshold: float) -> tuple[Integers, float]:
    """Put ground truth (n,) into the bins of a definition of S-KdT; returns whole bins and their width as a fraction.

    `rounded` rounds to `threshold`; `positional_0.1` and `positional_1` round down to multiples of .1 % and 1 %.
    """
    if definition == "rounded":
        return round_truth(truth, threshold), threshold
    width = dict(POSITIONAL_THRESHOLDS)[definition.removeprefix("positional_")]
    return _bins(truth, width, offset=0.0), width


def _bins(truth: npt.ArrayLike, threshold: float, offset: float) -> Integers:
    if not SMALLEST_THRESHOLD <= threshold <= 1:
        raise ValueError(
            f"threshold is {threshold}, expected a fraction from {SMALLEST_THRESHOLD} to 1 (0.001 is 0.1 %)"
        )
    accuracies = fractions("truth", truth)
    return np.floor((accuracies + EDGE_TOLERANCE) / threshold + offset).astype(np.int64)


def top_k(scores: npt.ArrayLike, k: int, losses: npt.ArrayLike | None = None) -> Integers:
    """Return the indices (k,) of the k best scores of shape (n,), best first.

    Ties go to the lower loss (n,) if losses are given, then to the lower index, so the choice is deterministic for
    architectures sorted by `arch_id`. Raises ValueError unless 1 <= k <= n.
    """
    given: dict[str, npt.ArrayLike] = {"scores": scores} if losses is None else {"scores": scores, "losses": losses}
    values, *rest = same_length(**given)
    if not 1 <= k <= len(values):
        raise ValueError(f"top_k: k is {k}, expected 1 to {len(values)}, the number of architectures that have a score")
    # lexsort is stable and its last key is the first criterion.
    order: Integers = np.lexsort((*rest, -values))
    return order[:k]


def twice_permuted_top(scores: npt.ArrayLike, k: int, losses: npt.ArrayLike, truth: npt.ArrayLike) -> Integers:
    """Return the indices (k,) that the authors' result scripts take as the k best, their best first.

    Their identifiers count from the worst ground truth. They sort by score, ascending, and then apply the permutation p
    of this sort once more: position i holds architecture p[p[i]]. Example: scores .3 .1 .2 of architectures 0, 1, 2
    (ground truth ascending) give p = 1, 2, 0; the second pass gives 2, 0, 1; and k = 1 returns architecture 1, which
    has the worst score. Ties are broken as in `top_k`; remaining ties and equal ground truth keep the order of the
    input. Raises ValueError unless 1 <= k <= n.
    """
    scores, losses, truth = same_length(scores=scores, losses=losses, truth=truth)
    top_k(scores, k)
    members = np.argsort(truth, kind="stable")[None, :]
    chosen: Integers = permuted_twice(members, score_ranks(scores, losses))[0, ::-1][:k]
    return chosen


def score_ranks(scores: Floats, losses: Floats) -> Integers:
    """Compute dense ranks (n,) from the worst score; among equal scores, the higher loss (n,) is worse."""
    ranks: Integers = np.unique(np.column_stack((scores, -losses)), axis=0, return_inverse=True)[1].reshape(-1)
    return ranks


def permuted_twice(members: Integers, ranks: Integers) -> Integers:
    """Put each row of members (resamples, n) in the order p[p], where p sorts the row by the ranks of its members."""
    order = np.argsort(ranks[members], axis=1, kind="stable")
    return np.take_along_axis(members, np.take_along_axis(order, order, axis=1), axis=1)


def truth_rank(truth_of_best: float, population_truth: npt.ArrayLike) -> int:
    """Return the rank from the top, 1 the best: one plus the number in the population (N,) with strictly better truth.

    The rank is at most N, also when the population is a sample in which every member is better. Both arguments must
    come from one table in one precision; otherwise an architecture's own entry could count as better than itself.
    """
    population = vector("population_truth", population_truth)
    return int(ranks_from_top(np.array([truth_of_best], dtype=np.float64), np.sort(population))[0])


def ranks_from_top(truth: Floats, ascending: Floats) -> Integers:
    """Compute `truth_rank` of many accuracies at once, in a population (N,) that is sorted in ascending order."""
    better = len(ascending) - np.searchsorted(ascending, truth, side="right")
    ranks: Integers = np.minimum(better + 1, len(ascending)).astype(np.int64)
    return ranks


def probability_to_surpass(rank: int, population: int, draws: int) -> float:
    """Compute P>R = (1 - r/N)^n: the probability that none of n uniform random draws is as good as the search's result.

    - `rank` r: rank from the top, 1 the best, of the best ground truth among the K predicted best.
    - `population` N: number of architectures in which r is a rank (complete table, uniform sample or pool).
    - `draws` n: number of draws, with replacement, of the random search; K for a fair comparison.

    r/N is the probability that one draw is at least as good. Large is good: r = 1 gives almost 1, r = N gives 0, and a
    search that is itself a random draw of K gives about a half on average. The authors' code computes (id / N)^n with
    ids 0..N-1 from the worst, which is the same number. With ties in ground truth, draws that only equal the best count
    as well. The complement, the probability that random search does at least as well, is one minus this value.

    Raises ValueError unless 1 <= rank <= population and draws >= 1.
    """
    if population < 1 or not 1 <= rank <= population:
        raise ValueError(
            f"probability_to_surpass: rank {rank} in a population of {population}, expected 1, the best, to N"
        )
    check_draws(draws)
    return float((1 - rank / population) ** draws)


def check_draws(draws: int) -> None:
    """Raise ValueError unless draws >= 1."""
    if draws < 1:
        raise ValueError(
            f"probability to surpass: draws is {draws}, expected at least 1 (as many as the search returns)"
        )


def _is_constant(values: Floats) -> bool:
    return bool((values == values[0]).all())
