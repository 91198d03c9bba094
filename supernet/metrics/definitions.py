"""How well shared weights predict ground truth: five metrics, with bootstrap intervals over architectures.

The metrics are those of Yu, Ranftl and Salzmann, "How to Train Your Super-Net" (arXiv 2003.04276): super-net
accuracy, Kendall's tau (KdT), sparse Kendall's tau (S-KdT), probability to surpass random search (P>R) and
final search performance. "The authors' code" below is their public repository kcyu2014/nas-landmarkreg
(`nasws/cnn/utils.py` and the visualization folder). All accuracies are fractions in 0..1; architectures come
in one fixed order, by `arch_id`.

A bootstrap resample of n architectures is n counts, and every metric is a function of them. Tau is a ratio of
quadratic forms in the counts and mid-ranks are linear in them, so that a block of resamples costs a few matrix
products and cumulative sums instead of a loop. Counts of one give the metric itself. What a resample does to
ground truth is the same for every score, and is computed once for all that are measured together.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from supernet.metrics.interval import Estimate

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Scores = tuple[npt.ArrayLike, npt.ArrayLike]
"""Shared-weight accuracy (n,) and loss (n,) of the same architectures."""

_T = TypeVar("_T")

EDGE_TOLERANCE = 1e-7
"""An accuracy this close below the edge of a bin counts as on it. A fraction that passed through float32 is
off by up to 6e-8, while one image of a million is 1e-6: noise of the format moves no architecture, a counted
image always does."""
SMALLEST_THRESHOLD = 1e-6
POSITIONAL_THRESHOLDS = (("0.1", 1e-3), ("1", 1e-2))
"""Thresholds of the authors' S-KdT, named in percent: their training code has the first, their tables the
second."""
SPARSE_THRESHOLD = 1e-3
RESAMPLES = 10_000
CONFIDENCE_TAILS = (2.5, 97.5)
MOST_UNDEFINED = 0.05
_BLOCK_ELEMENTS = 2**15  # counts at a time: temporaries of about 256 kB stay in the cache, whatever n is


class Resamples:
    """A block of resamples of n architectures, with what has been computed of it.

    `counts` (n, resamples) says how often each architecture occurs; sums over architectures are sums of whole rows.
    """

    def __init__(self, counts: Floats) -> None:
        """From counts as `resample_counts` gives them, (resamples, n)."""
        self.counts = np.ascontiguousarray(counts.T)
        self._known: dict[Callable[[Resamples], Any], Any] = {}

    def once(self, statistic: Callable[["Resamples"], _T]) -> _T:
        """`statistic` of these resamples, computed the first time: metrics that share one pay for it once."""
        if statistic not in self._known:
            self._known[statistic] = statistic(self)
        found: _T = self._known[statistic]
        return found


Family = Callable[[Resamples], Mapping[str, Floats]]
"""A block of resamples to named metrics of shape (resamples,), nan where a resample leaves one undefined."""


class Ordering:
    """The order of n architectures by their values (n,), ties included, and statistics of it for `Resamples.once`."""

    def __init__(self, values: npt.NDArray[np.generic]) -> None:
        places: Integers = np.unique(values, return_inverse=True)[1]
        self.places = places
        """Dense ranks (n,), 0 for the lowest."""
        self.signs: Floats = np.sign(places[:, None] - places).astype(np.float64)
        """sign(values_i - values_j) of shape (n, n)."""
        self.order: Integers = np.argsort(places, kind="stable")
        ascending = places[self.order]
        self._first, self._end = (np.searchsorted(ascending, places, side=side) for side in ("left", "right"))
        self._starts = np.unique(self._first)

    def drawn(self, resamples: Resamples) -> Floats:
        """How many were drawn below each place of `order`, and in all: (n + 1, resamples)."""
        counts = resamples.counts
        drawn = np.empty((len(counts) + 1, counts.shape[1]))
        drawn[0] = 0
        # Row by row: numpy's cumsum along the first axis goes down one column after the other, at 20 times the cost.
        for place, member in enumerate(self.order):
            np.add(drawn[place], counts[member], out=drawn[place + 1])
        return drawn

    def pairs(self, resamples: Resamples) -> Floats:
        """Ordered pairs (resamples,) that do not tie."""
        tied = np.diff(resamples.once(self.drawn)[[*self._starts, -1]], axis=0)
        pairs: Floats = len(self.order) ** 2 - np.einsum("gb,gb->b", tied, tied)
        return pairs

    def ranks(self, resamples: Resamples) -> Floats:
        """Twice the distance of each mid-rank from the middle (n, resamples): drawn below less drawn above."""
        drawn = resamples.once(self.drawn)
        ranks: Floats = drawn[self._first]
        ranks += drawn[self._end]
        ranks -= len(ranks)
        return ranks

    def squares(self, resamples: Resamples) -> Floats:
        """Sum of squares (resamples,) of `ranks`."""
        ranks = resamples.once(self.ranks)
        squares: Floats = np.einsum("ib,ib->b", ranks * resamples.counts, ranks)
        return squares

    def sequence(self, resamples: Resamples) -> npt.NDArray[np.signedinteger[Any]]:
        """Places in `order` of what was drawn, ascending, copies side by side: (n, resamples)."""
        n, columns = resamples.counts.shape
        places = np.tile(np.arange(n, dtype=_smallest(n)), columns)
        times = resamples.counts[self.order].T.astype(np.int64).ravel()
        return np.ascontiguousarray(np.repeat(places, times).reshape(columns, n).T)

    def ties(self, resamples: Resamples) -> list[npt.NDArray[np.bool_]]:
        """Which positions (n - lag, resamples) of `sequence` tie with the one `lag` before, for lags from 1 on."""
        first = self._first[self.order].astype(_smallest(len(self.order)))[self.sequence(resamples)]
        ties = []
        for lag in range(1, len(first)):
            tied = first[lag:] == first[:-lag]
            if not tied.any():
                break  # positions further apart cannot tie either
            ties.append(tied)
        return ties


class GroundTruth:
    """Ground truth (n,) as correlations see it: exact, rounded to `threshold`, and in the authors' bins by percent.

    Families that have it in common share what depends on it alone. Raises ValueError as `round_truth`.
    """

    def __init__(self, truth: Floats, threshold: float) -> None:
        self.exact, self.rounded = Ordering(truth), Ordering(round_truth(truth, threshold))
        self.bins = {percent: Ordering(positional_ranks(truth, edge)) for percent, edge in POSITIONAL_THRESHOLDS}


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of one run: its name, the score that ranked the architectures, the estimate, their number
    n."""

    metric: str
    score: str
    estimate: Estimate
    n: int


@dataclass(frozen=True, slots=True)
class SeedNoise:
    """Seed-to-seed noise of ground truth, see `seed_noise`."""

    std: float
    standard_error: float
    tau: float
    pairs: int


def kendall_tau(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Kendall's tau-b of two arrays of shape (n,); nan when undefined (one side constant, or n < 2).

    Raises ValueError for other shapes and for values that are not finite.
    """
    x, y = _same_length(x=x, y=y)
    if _is_constant(x) or _is_constant(y):
        return math.nan
    # Here, because it takes a third of a second to import, and most programs never come here.
    from scipy import stats

    return float(stats.kendalltau(x, y).statistic)


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rank correlation of two arrays (n,), mid-ranks for ties; nan and errors as `kendall_tau`."""
    x, y = _same_length(x=x, y=y)
    if _is_constant(x) or _is_constant(y):
        return math.nan
    from scipy import stats

    return float(stats.spearmanr(x, y).statistic)


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


def sparse_kendall_tau(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = SPARSE_THRESHOLD) -> float:
    """S-KdT, our default: tau-b of scores (n,) against ground truth (n,) rounded to `threshold`; nan as for
    KdT."""
    scores, truth = _same_length(scores=scores, truth=truth)
    return kendall_tau(scores, round_truth(truth, threshold))


def positional_sparse_kendall_tau(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = 1e-2) -> float:
    """S-KdT of the authors' code: tau-b of `positional_ranks` in ground-truth order and in predicted order.

    The p-th architecture by ground truth is paired with the p-th by score, so that a perfect order gives 1
    even where ground truth ties. Both sorts are ascending and stable: architectures of equal score stay in
    the order of the input, and the value can depend on that order (`arch_id` by convention). nan when all
    fall in one bin.
    """
    scores, truth = _same_length(scores=scores, truth=truth)
    ranks = positional_ranks(truth, threshold)
    return kendall_tau(np.sort(ranks), ranks[np.argsort(scores, kind="stable")])


def sparse_truth(truth: npt.ArrayLike, definition: str, threshold: float) -> tuple[Integers, float]:
    """Ground truth (n,) in the whole bins of a definition of S-KdT, and their width as a fraction.

    `rounded` rounds to `threshold`; `positional_0.1` and `positional_1` cut off below multiples of .1 % and 1 %.
    """
    if definition == "rounded":
        return round_truth(truth, threshold), threshold
    width = dict(POSITIONAL_THRESHOLDS)[definition.removeprefix("positional_")]
    return _bins(truth, width, offset=0.0), width


def twice_permuted_top(scores: npt.ArrayLike, k: int, losses: npt.ArrayLike, truth: npt.ArrayLike) -> Integers:
    """Indices (k,) that the authors' result scripts take for the k best, their best first.

    Their identifiers count from the worst ground truth. They are sorted by score, ascending, and then sorted once more
    by the scores in their first order, so that position i holds what the permutation p puts there twice: p[p[i]].
    Example: scores .3 .1 .2 of architectures 0, 1, 2 (ground truth ascending) give p = 1, 2, 0, the second pass
    2, 0, 1, and of k = 1 architecture 1, the one that scored worst. Ties as in `top_k`; those that remain, and equal
    ground truth, stay in the order of the input. Raises ValueError unless 1 <= k <= n.
    """
    scores, losses, truth = _same_length(scores=scores, losses=losses, truth=truth)
    top_k(scores, k)
    members = np.argsort(truth, kind="stable")[None, :]
    chosen: Integers = _permuted_twice(members, _score_ranks(scores, losses))[0, ::-1][:k]
    return chosen


def _score_ranks(scores: Floats, losses: Floats) -> Integers:
    """Dense ranks (n,) from the worst: by score, of equal ones by loss, the higher one worse."""
    ranks: Integers = np.unique(np.column_stack((scores, -losses)), axis=0, return_inverse=True)[1].reshape(-1)
    return ranks


def _permuted_twice(members: Integers, ranks: Integers) -> Integers:
    """Members (resamples, n) in the order of p[p], p being what sorts each row by the ranks of its members."""
    order = np.argsort(ranks[members], axis=1, kind="stable")
    return np.take_along_axis(members, np.take_along_axis(order, order, axis=1), axis=1)


def top_k(scores: npt.ArrayLike, k: int, losses: npt.ArrayLike | None = None) -> Integers:
    """Indices (k,) of the k best scores of shape (n,), best first.

    Ties go to the lower loss (n,) where losses are given, then to the lower index: with architectures sorted
    by `arch_id` the choice is deterministic. Raises ValueError unless 1 <= k <= n.
    """
    given: dict[str, npt.ArrayLike] = {"scores": scores} if losses is None else {"scores": scores, "losses": losses}
    values, *rest = _same_length(**given)
    if not 1 <= k <= len(values):
        raise ValueError(f"top_k: k is {k}, expected 1 to {len(values)}, the number of architectures that have a score")
    # lexsort is stable and its last key is the first criterion.
    order: Integers = np.lexsort((*rest, -values))
    return order[:k]


def truth_rank(truth_of_best: float, population_truth: npt.ArrayLike) -> int:
    """Rank from the top, 1 the best: one plus the number in the population (N,) with strictly better truth.

    At most N, also when the population is a sample whose every member is better. Give both in one precision,
    from one table: otherwise an architecture's own entry could count as better than itself.
    """
    population = _vector("population_truth", population_truth)
    return int(_ranks_from_top(np.array([truth_of_best], dtype=np.float64), np.sort(population))[0])


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
    _check_draws(draws)
    return float((1 - rank / population) ** draws)


def threshold_for(truth_se: float, images: int) -> float:
    """The threshold of S-KdT when a study says `auto`, as a fraction.

    The paper's 0.001 when ground truth was measured on 1000 images or more, since there one image is at most
    0.1 %. On less, the larger of one image and `truth_se`, the standard error of the mean ground truth due to
    seeds (`seed_noise`); nan, for a single seed, leaves one image. Raises ValueError for images < 1 or a
    negative or infinite `truth_se`.
    """
    if images < 1:
        raise ValueError(f"threshold_for: images is {images}, expected the images behind ground truth, at least 1")
    if truth_se < 0 or math.isinf(truth_se):
        raise ValueError(
            f"threshold_for: truth_se is {truth_se}, expected a finite number >= 0, or nan for a single seed"
        )
    if images >= 1000:
        return SPARSE_THRESHOLD
    return 1 / images if math.isnan(truth_se) else max(1 / images, truth_se)


def seed_noise(per_seed_truth: npt.ArrayLike) -> SeedNoise:
    """Seed-to-seed noise of ground truth (architectures, seeds), nan where an architecture lacks a seed.

    `std` is the standard deviation of a single seed within an architecture, pooled over architectures (one
    degree of freedom less per architecture). `standard_error` is that of an architecture's mean: std /
    sqrt(its seeds), root mean square over the architectures. `tau` is the mean tau-b over pairs of seeds,
    each on the architectures that have both, nan with fewer than two seeds or three such architectures. It is
    the usual ceiling for a score; a score that predicts the *mean* over seeds can exceed it a little, since a
    mean is less noisy than a seed. `pairs` counts architectures with two seeds or more.

    Raises ValueError for another shape, for infinities, and for an architecture without any seed.
    """
    truth = np.asarray(per_seed_truth, dtype=np.float64)
    if truth.ndim != 2 or truth.size == 0 or np.isinf(truth).any():
        raise ValueError(
            f"seed_noise: expected finite values or nan of shape (architectures, seeds), got {truth.shape}"
        )
    counts = np.isfinite(truth).sum(axis=1)
    if (counts == 0).any():
        raise ValueError(f"seed_noise: architecture {int(np.argmin(counts))} has no ground truth at all; leave it out")
    deviations = truth - np.nanmean(truth, axis=1, keepdims=True)
    freedom = int((counts - 1).sum())
    std = math.sqrt(float(np.nansum(deviations**2)) / freedom) if freedom else math.nan
    error = std * math.sqrt(float(np.mean(1 / counts)))
    return SeedNoise(std=std, standard_error=error, tau=_seed_tau(truth), pairs=int((counts >= 2).sum()))


def _seed_tau(truth: Floats) -> float:
    taus = []
    for first in range(truth.shape[1]):
        for second in range(first + 1, truth.shape[1]):
            both = np.isfinite(truth[:, first]) & np.isfinite(truth[:, second])
            if both.sum() >= 3:
                taus.append(kendall_tau(truth[both, first], truth[both, second]))
    defined = [tau for tau in taus if not math.isnan(tau)]
    return float(np.mean(defined)) if defined else math.nan


def resample_counts(n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each of n architectures occurs in resamples of size n with replacement: shape (resamples,
    n)."""
    drawn = rng.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float64)


def bootstrap(
    families: Sequence[tuple[str, Family]], n: int, rng: np.random.Generator, resamples: int = RESAMPLES
) -> list[Measure]:
    """Every metric of every (score, family) with its 95 % percentile interval, all from the same resamples.

    Undefined resamples (all architectures drawn tie) are dropped; where they are more than 5 %, the interval
    is nan. Memory is bounded by blocks of resamples. Intervals of extremes (`final_best`, `p_surpass`) are
    descriptive only: the bootstrap of a maximum is not consistent.
    """
    if resamples < 1:
        raise ValueError(f"bootstrap: resamples is {resamples}, expected at least 1")
    values = _evaluate_families(families, Resamples(np.ones((1, n))))
    rows = max(1, _BLOCK_ELEMENTS // n)
    blocks = [
        _evaluate_families(families, Resamples(resample_counts(n, min(rows, resamples - start), rng)))
        for start in range(0, resamples, rows)
    ]
    return [
        Measure(
            metric,
            families[index][0],
            _interval(float(value[0]), np.concatenate([block[index, metric] for block in blocks])),
            n,
        )
        for (index, metric), value in values.items()
    ]


def _evaluate_families(families: Sequence[tuple[str, Family]], resamples: Resamples) -> dict[tuple[int, str], Floats]:
    """By the index of the family and the name of the metric."""
    return {
        (index, metric): values
        for index, (_, family) in enumerate(families)
        for metric, values in family(resamples).items()
    }


def _interval(value: float, resampled: Floats) -> Estimate:
    defined = resampled[np.isfinite(resampled)]
    if len(resampled) - len(defined) > MOST_UNDEFINED * len(resampled):
        return Estimate(value, math.nan, math.nan)
    low, high = np.percentile(defined, CONFIDENCE_TAILS)
    return Estimate(value, float(low), float(high))


def moments(values: Floats, mean_name: str, std_name: str | None = None) -> Family:
    """Mean, and standard deviation if named (divided by n, as the authors'), of values (n,) over the pool."""

    def family(resamples: Resamples) -> dict[str, Floats]:
        mean, std = _mean_and_std(resamples.counts, values, len(values))
        named = {mean_name: mean}
        return named if std_name is None else named | {std_name: std}

    return family


def rank_correlations(scores: Ordering, truth: GroundTruth) -> Family:
    """`kdt`, `s_kdt` (against rounded ground truth) and `spearman`."""
    agreement, sparse_agreement = scores.signs * truth.exact.signs, scores.signs * truth.rounded.signs

    def family(resamples: Resamples) -> dict[str, Floats]:
        counts, pairs = resamples.counts, resamples.once(scores.pairs)
        ranks = scores.ranks(resamples)
        weighted = ranks * counts
        product = np.einsum("ib,ib->b", weighted, resamples.once(truth.exact.ranks))
        squares = np.einsum("ib,ib->b", weighted, ranks)
        return {
            "kdt": _correlation(_quadratic(counts, agreement), pairs, resamples.once(truth.exact.pairs)),
            "s_kdt": _correlation(_quadratic(counts, sparse_agreement), pairs, resamples.once(truth.rounded.pairs)),
            "spearman": _correlation(product, squares, resamples.once(truth.exact.squares)),
        }

    return family


def positional_correlation(scores: Ordering, truth: GroundTruth, percent: str) -> Family:
    """`positional_sparse_kendall_tau` at a threshold by its percent; in a resample, copies stand side by side."""
    bins = truth.bins[percent]
    # Architectures of equal score stay in the order of the input: no position ties with another.
    agreement = Ordering(np.argsort(scores.order)).signs * bins.signs
    places = bins.places[scores.order].astype(_smallest(len(scores.order)))

    def family(resamples: Resamples) -> dict[str, Floats]:
        # Positions of equal ground-truth rank are tied, whatever stands there in the predicted order.
        predicted = places.take(resamples.once(scores.sequence))
        surplus = _quadratic(resamples.counts, agreement) - 2 * _surplus(predicted, resamples.once(bins.ties))
        pairs = resamples.once(bins.pairs)
        return {f"s_kdt_positional_{percent}": _correlation(surplus, pairs, pairs)}

    return family


def search_performance(
    scores: Floats,
    losses: Floats,
    truth: Floats,
    *,
    k: int,
    draws: int,
    population_truth: Floats,
    top_order: str = "sorted",
) -> Family:
    """`final_mean`, `final_std` (divided by k), `final_best` of the `top_k` and P>R with its complement.

    In a resample, an architecture takes as many of the k places as it was drawn; the population stays as it
    is. With `top_order` permuted_twice the k are those of `twice_permuted_top`, copies standing side by side.
    """
    if not 1 <= k <= len(scores):
        raise ValueError(f"search_performance: k is {k}, expected 1 to {len(scores)}, the number of architectures")
    _check_draws(draws)
    population = np.sort(population_truth)
    placed = {"sorted": _places_by_score, "permuted_twice": _places_permuted_twice}[top_order](scores, losses, truth, k)

    def family(resamples: Resamples) -> dict[str, Floats]:
        members, places = placed(resamples)
        mean, std = _mean_and_std(places, truth[members], k)
        best = np.where(places > 0, truth[members, None], -np.inf).max(axis=0)
        surpass = (1 - _ranks_from_top(best, population) / len(population)) ** draws
        return {
            "p_surpass": surpass,
            "p_surpass_complement": 1 - surpass,
            "final_mean": mean,
            "final_std": std,
            "final_best": best,
        }

    return family


def _places_by_score(
    scores: Floats, losses: Floats, truth: Floats, k: int
) -> Callable[[Resamples], tuple[Integers, Floats]]:
    """Resamples to architectures (m,), and to how many of the k places each takes (m, resamples).

    Architectures that take no place in any resample are left out.
    """
    order = top_k(scores, len(scores), losses)

    def places(resamples: Resamples) -> tuple[Integers, Floats]:
        taken, free = [], np.full(resamples.counts.shape[1], float(k))
        for member in order:
            taken.append(np.minimum(resamples.counts[member], free))
            free -= taken[-1]
            if not free.any():
                break
        return order[: len(taken)], np.array(taken)

    return places


def _places_permuted_twice(
    scores: Floats, losses: Floats, truth: Floats, k: int
) -> Callable[[Resamples], tuple[Integers, Floats]]:
    """The same with the places of `twice_permuted_top`."""
    ascending, ranks = Ordering(truth), _score_ranks(scores, losses)

    def places(resamples: Resamples) -> tuple[Integers, Floats]:
        members = ascending.order[ascending.sequence(resamples)].T
        taken = np.zeros_like(resamples.counts)
        np.add.at(taken, (_permuted_twice(members, ranks)[:, -k:], np.arange(len(members))[:, None]), 1.0)
        return np.arange(len(taken)), taken

    return places


def evaluate(
    scored: Sequence[Scores],
    truth: npt.ArrayLike,
    *,
    threshold: float,
    k: int,
    draws: int,
    population: int,
    population_truth: npt.ArrayLike,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    top_order: str = "sorted",
) -> list[list[Measure]]:
    """Every metric of each of `scored`, such as the batch-norm modes and splits of a run.

    Accuracies, losses and `truth` have shape (n,), in the order of `arch_id`; all are measured on the same
    resamples, and together in less time than one by one. Names of the metrics: accuracy, accuracy_std, loss, kdt,
    s_kdt (at `threshold`), s_kdt_positional_0.1 and s_kdt_positional_1 (the authors', at .1 % and 1 %), spearman,
    p_surpass, p_surpass_complement, final_mean, final_std, final_best. From kdt on each comes twice, with the
    architectures ranked by accuracy and by negative loss (`score` is "accuracy" or "loss").
    `population_truth` (N,) is the ground truth in which P>R takes its rank, and `population` is N: the two
    must agree, for in a sample r/N is a quantile only with the size of the sample.

    Raises ValueError for values that are not finite (a diverged run is reported as diverged and never
    evaluated), fewer than three architectures, accuracies outside 0..1, or k, draws, population and threshold
    out of range.
    """
    reference = _fractions("population_truth", population_truth)
    if population != len(reference):
        raise ValueError(
            f"evaluate: population is {population} but population_truth holds {len(reference)} values; "
            "P>R needs the size of the very set that it takes its rank in: complete table, sample or pool"
        )

    def families(accuracy: Floats, loss: Floats, truth: Floats, known: GroundTruth) -> list[tuple[str, Family]]:
        found = [("accuracy", moments(accuracy, "accuracy", "accuracy_std")), ("loss", moments(loss, "loss"))]
        for name, scores in (("accuracy", accuracy), ("loss", -loss)):
            found += _correlations(name, scores, known)
            search = search_performance(
                scores, loss, truth, k=k, draws=draws, population_truth=reference, top_order=top_order
            )
            found.append((name, search))
        return found

    return _bootstrap_each(scored, truth, threshold, families, rng, resamples)


def correlations(
    scored: Sequence[Scores],
    truth: npt.ArrayLike,
    *,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[list[Measure]]:
    """The correlations of `evaluate` alone, by accuracy and by negative loss, for a part of the pool."""

    def families(accuracy: Floats, loss: Floats, truth: Floats, known: GroundTruth) -> list[tuple[str, Family]]:
        return [*_correlations("accuracy", accuracy, known), *_correlations("loss", -loss, known)]

    return _bootstrap_each(scored, truth, threshold, families, rng, resamples)


def _bootstrap_each(
    scored: Sequence[Scores],
    truth: npt.ArrayLike,
    threshold: float,
    families: Callable[[Floats, Floats, Floats, GroundTruth], list[tuple[str, Family]]],
    rng: np.random.Generator,
    resamples: int,
) -> list[list[Measure]]:
    """The measures of each of `scored` by its families, all from the same resamples and one `GroundTruth`."""
    checked = [_evaluated(accuracy=accuracy, loss=loss, truth=truth) for accuracy, loss in scored]
    if not checked:
        return []
    common = checked[0][2]
    known = GroundTruth(common, threshold)
    every = [family for accuracy, loss, _ in checked for family in families(accuracy, loss, common, known)]
    measures = bootstrap(every, len(common), rng, resamples)
    size = len(measures) // len(checked)
    return [measures[start : start + size] for start in range(0, len(measures), size)]


def _correlations(name: str, values: Floats, truth: GroundTruth) -> list[tuple[str, Family]]:
    """`rank_correlations` and the positional S-KdT of both thresholds, under the name of the score."""
    scores = Ordering(values)
    positional = [(name, positional_correlation(scores, truth, percent)) for percent, _ in POSITIONAL_THRESHOLDS]
    return [(name, rank_correlations(scores, truth)), *positional]


def predictor_taus(
    values: npt.ArrayLike,
    truth: npt.ArrayLike,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> dict[str, Estimate]:
    """KdT and every S-KdT of a predictor without training (n,), such as parameters or FLOPs, by name of the metric.

    Errors as `evaluate`.
    """
    values, truth = _evaluated(values=values, truth=truth)
    measures = bootstrap(_correlations("values", values, GroundTruth(truth, threshold)), len(truth), rng, resamples)
    return {measure.metric: measure.estimate for measure in measures if measure.metric != "spearman"}


def _quadratic(counts: Floats, matrix: Floats) -> Floats:
    """w'Mw for every column w; all are small integers, so that float64 is exact in any order of summation."""
    result: Floats = np.einsum("ib,ib->b", matrix @ counts, counts)
    return result


def _smallest(n: int) -> np.dtype[Any]:
    """The smallest, and so the fastest, integers that hold -n: places of n and their differences."""
    return np.min_scalar_type(-n)


def _correlation(product: Floats, first: Floats, second: Floats) -> Floats:
    """product / sqrt(first · second), nan where that is undefined."""
    defined = (first > 0) & (second > 0)
    scale = np.sqrt(np.where(defined, first, 1.0)) * np.sqrt(np.where(defined, second, 1.0))
    return np.where(defined, np.clip(product / scale, -1.0, 1.0), np.nan)


def _surplus(sequence: npt.NDArray[np.signedinteger[Any]], ties: Sequence[npt.NDArray[np.bool_]]) -> Floats:
    """Rises less falls (resamples,) of a sequence (n, resamples) over pairs of positions that tie (`Ordering.ties`)."""
    # A position is in fewer than n pairs: its sum is below n in size, as the places are.
    surplus = np.zeros_like(sequence)
    for lag, tied in enumerate(ties, start=1):
        surplus[lag:] += tied * np.sign(sequence[lag:] - sequence[:-lag])
    total: Floats = surplus.sum(axis=0, dtype=np.float64)
    return total


def _mean_and_std(counts: Floats, values: Floats, total: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation (divided by the total) of values (n,), per column of counts with that total."""
    mean: Floats = np.einsum("ib,i->b", counts, values) / total
    variance: Floats = np.einsum("ib,ib->b", counts, (values[:, None] - mean) ** 2) / total
    return mean, np.sqrt(variance)


def _ranks_from_top(truth: Floats, ascending: Floats) -> Integers:
    better = len(ascending) - np.searchsorted(ascending, truth, side="right")
    ranks: Integers = np.minimum(better + 1, len(ascending)).astype(np.int64)
    return ranks


def _vector(name: str, values: npt.ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name}: expected one value per architecture, shape (n,), got shape {array.shape}")
    if not np.isfinite(array).all():
        first = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(
            f"{name}: {array[first]} at index {first}, expected finite values; a diverged run is reported as "
            "diverged and never evaluated"
        )
    return array


def _same_length(**arrays: npt.ArrayLike) -> list[Floats]:
    vectors = {name: _vector(name, values) for name, values in arrays.items()}
    if len({len(vector) for vector in vectors.values()}) > 1:
        lengths = ", ".join(f"{name} {len(vector)}" for name, vector in vectors.items())
        raise ValueError(f"expected one value per architecture in each array, got lengths {lengths}")
    return list(vectors.values())


def _fractions(name: str, values: npt.ArrayLike) -> Floats:
    array = _vector(name, values)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(
            f"{name}: values from {array.min()} to {array.max()}, expected accuracies as fractions in 0..1; "
            "divide percent by 100"
        )
    return array


def _evaluated(**arrays: npt.ArrayLike) -> list[Floats]:
    vectors = _same_length(**arrays)
    if len(vectors[0]) < 3:
        raise ValueError(
            f"{len(vectors[0])} architectures, expected at least 3 for a rank correlation; enlarge the pool"
        )
    for name, vector in zip(arrays, vectors, strict=True):
        if name in {"accuracy", "truth"}:
            _fractions(name, vector)
    return vectors


def _bins(truth: npt.ArrayLike, threshold: float, offset: float) -> Integers:
    if not SMALLEST_THRESHOLD <= threshold <= 1:
        raise ValueError(
            f"threshold is {threshold}, expected a fraction from {SMALLEST_THRESHOLD} to 1 (0.001 is 0.1 %)"
        )
    accuracies = _fractions("truth", truth)
    return np.floor((accuracies + EDGE_TOLERANCE) / threshold + offset).astype(np.int64)


def _check_draws(draws: int) -> None:
    if draws < 1:
        raise ValueError(
            f"probability to surpass: draws is {draws}, expected at least 1 (as many as the search returns)"
        )


def _is_constant(values: Floats) -> bool:
    return bool((values == values[0]).all())
