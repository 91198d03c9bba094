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

A fraction that passed through float32 is off by up to 6e-8, and one image of a million is 1e-6. So the noise of the
format never moves an architecture to another bin, and one more correct image always can."""
SMALLEST_THRESHOLD = 1e-6
POSITIONAL_THRESHOLDS = (("0.1", 1e-3), ("1", 1e-2))
"""Thresholds of the authors' S-KdT, named in percent: the first is in their training code, the second in their
tables."""
SPARSE_THRESHOLD = 1e-3


def kendall_tau(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Kendall's tau-b of two arrays of shape (n,); nan when undefined (one side constant, or n < 2).

    Raises ValueError for other shapes and for values that are not finite.
    """
    x, y = same_length(x=x, y=y)
    if _is_constant(x) or _is_constant(y):
        return math.nan
    # Here, because it takes a third of a second to import, and most programs never come here.
    from scipy import stats

    return float(stats.kendalltau(x, y).statistic)


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rank correlation of two arrays (n,), mid-ranks for ties; nan and errors as `kendall_tau`."""
    x, y = same_length(x=x, y=y)
    if _is_constant(x) or _is_constant(y):
        return math.nan
    from scipy import stats

    return float(stats.spearmanr(x, y).statistic)


def sparse_kendall_tau(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = SPARSE_THRESHOLD) -> float:
    """S-KdT, our default: tau-b of scores (n,) against ground truth (n,) rounded to `threshold`; nan as for
    KdT."""
    scores, truth = same_length(scores=scores, truth=truth)
    return kendall_tau(scores, round_truth(truth, threshold))


def positional_sparse_kendall_tau(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = 1e-2) -> float:
    """S-KdT of the authors' code: tau-b of `positional_ranks` in ground-truth order and in predicted order.

    The p-th architecture by ground truth is paired with the p-th by score, so that a perfect order gives 1
    even where ground truth ties. Both sorts are ascending and stable: architectures of equal score stay in
    the order of the input, and the value can depend on that order (`arch_id` by convention). nan when all
    fall in one bin.
    """
    scores, truth = same_length(scores=scores, truth=truth)
    ranks = positional_ranks(truth, threshold)
    return kendall_tau(np.sort(ranks), ranks[np.argsort(scores, kind="stable")])


def round_truth(truth: npt.ArrayLike, threshold: float) -> Integers:
    """Ground truth (n,) in whole multiples of `threshold`: to the nearest, halves upwards.

    Edges of the bins are those of the decimal numbers: .9435 at .001 is 944, although .9435 / .001 is
    943.4999… for a binary computer (see `EDGE_TOLERANCE`). Raises ValueError for accuracies outside 0..1 or a
    threshold outside 1e-6..1.
    """
    return _bins(truth, threshold, offset=0.5)


def positional_ranks(truth: npt.ArrayLike, threshold: float) -> Integers:
    """Dense ranks (n,) of ground truth, 0 for the worst, in the order of the input, as in the authors' code.

    With the architectures sorted by ground truth, a new rank starts whenever ⌊accuracy / threshold⌋ grows.
    Unlike theirs, .29 at .01 falls in bin 29, not 28 (edges and errors as `round_truth`).
    """
    ranks: Integers = np.unique(_bins(truth, threshold, offset=0.0), return_inverse=True)[1]
    return ranks


def sparse_truth(truth: npt.ArrayLike, definition: str, threshold: float) -> tuple[Integers, float]:
    """Ground truth (n,) in the whole bins of a definition of S-KdT, and their width as a fraction.

    `rounded` rounds to `threshold`; `positional_0.1` and `positional_1` cut off below multiples of .1 % and 1 %.
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
    """Indices (k,) of the k best scores of shape (n,), best first.

    Ties go to the lower loss (n,) where losses are given, then to the lower index: with architectures sorted
    by `arch_id` the choice is deterministic. Raises ValueError unless 1 <= k <= n.
    """
    given: dict[str, npt.ArrayLike] = {"scores": scores} if losses is None else {"scores": scores, "losses": losses}
    values, *rest = same_length(**given)
    if not 1 <= k <= len(values):
        raise ValueError(f"top_k: k is {k}, expected 1 to {len(values)}, the number of architectures that have a score")
    # lexsort is stable and its last key is the first criterion.
    order: Integers = np.lexsort((*rest, -values))
    return order[:k]


def twice_permuted_top(scores: npt.ArrayLike, k: int, losses: npt.ArrayLike, truth: npt.ArrayLike) -> Integers:
    """Indices (k,) that the authors' result scripts take for the k best, their best first.

    Their identifiers count from the worst ground truth. They are sorted by score, ascending, and then sorted once more
    by the scores in their first order, so that position i holds what the permutation p puts there twice: p[p[i]].
    Example: scores .3 .1 .2 of architectures 0, 1, 2 (ground truth ascending) give p = 1, 2, 0, the second pass
    2, 0, 1, and of k = 1 architecture 1, the one that scored worst. Ties as in `top_k`; those that remain, and equal
    ground truth, stay in the order of the input. Raises ValueError unless 1 <= k <= n.
    """
    scores, losses, truth = same_length(scores=scores, losses=losses, truth=truth)
    top_k(scores, k)
    members = np.argsort(truth, kind="stable")[None, :]
    chosen: Integers = permuted_twice(members, score_ranks(scores, losses))[0, ::-1][:k]
    return chosen


def score_ranks(scores: Floats, losses: Floats) -> Integers:
    """Dense ranks (n,) from the worst: by score, of equal ones by loss, the higher one worse."""
    ranks: Integers = np.unique(np.column_stack((scores, -losses)), axis=0, return_inverse=True)[1].reshape(-1)
    return ranks


def permuted_twice(members: Integers, ranks: Integers) -> Integers:
    """Members (resamples, n) in the order of p[p], p being what sorts each row by the ranks of its members."""
    order = np.argsort(ranks[members], axis=1, kind="stable")
    return np.take_along_axis(members, np.take_along_axis(order, order, axis=1), axis=1)


def truth_rank(truth_of_best: float, population_truth: npt.ArrayLike) -> int:
    """Rank from the top, 1 the best: one plus the number in the population (N,) with strictly better truth.

    At most N, also when the population is a sample whose every member is better. Give both in one precision,
    from one table: otherwise an architecture's own entry could count as better than itself.
    """
    population = vector("population_truth", population_truth)
    return int(ranks_from_top(np.array([truth_of_best], dtype=np.float64), np.sort(population))[0])


def ranks_from_top(truth: Floats, ascending: Floats) -> Integers:
    better = len(ascending) - np.searchsorted(ascending, truth, side="right")
    ranks: Integers = np.minimum(better + 1, len(ascending)).astype(np.int64)
    return ranks


def probability_to_surpass(rank: int, population: int, draws: int) -> float:
    """P>R = (1 - r/N)^n: the probability that none of n uniform random draws does as well as what was found.

    `rank` r is the rank from the top, 1 the best, of the best ground truth among the K predicted best;
    `population` N is the number of architectures that it is a rank in (complete table, uniform sample or
    pool: say which); `draws` n is the number of draws, with replacement, that random search may make: K for a
    fair comparison. r/N is the probability that one draw is at least as good. Large is good: r = 1 gives
    almost 1, r = N gives 0, and a search that is itself a random draw of K gives about a half on average. The
    authors' code computes (id / N)^n with ids 0..N-1 from the worst, the same number. With ties in ground
    truth it also counts draws that only equal the best. The complement, the probability that random search
    does at least as well, is one minus this.

    Raises ValueError unless 1 <= rank <= population and draws >= 1.
    """
    if population < 1 or not 1 <= rank <= population:
        raise ValueError(
            f"probability_to_surpass: rank {rank} in a population of {population}, expected 1, the best, to N"
        )
    check_draws(draws)
    return float((1 - rank / population) ** draws)


def check_draws(draws: int) -> None:
    if draws < 1:
        raise ValueError(
            f"probability to surpass: draws is {draws}, expected at least 1 (as many as the search returns)"
        )


def _is_constant(values: Floats) -> bool:
    return bool((values == values[0]).all())
