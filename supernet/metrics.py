"""How well shared weights predict ground truth: five metrics, with bootstrap intervals over architectures.

The metrics are those of Yu, Ranftl and Salzmann, "How to Train Your Super-Net" (arXiv 2003.04276): super-net
accuracy, Kendall's tau (KdT), sparse Kendall's tau (S-KdT), probability to surpass random search (P>R) and
final search performance. "The authors' code" below is their public repository kcyu2014/nas-landmarkreg
(`nasws/cnn/utils.py` and the visualization folder). All accuracies are fractions in 0..1; architectures come
in one fixed order, by `arch_id`.

A bootstrap resample of n architectures is a row of n counts, and every metric is a function of such a row.
Tau is a ratio of quadratic forms in the counts and mid-ranks are linear in them, so that a block of resamples
costs a few matrix products and cumulative sums instead of a loop. A row of ones gives the metric itself.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Family = Callable[[Floats], Mapping[str, Floats]]
"""Counts of shape (resamples, n) to named metrics of shape (resamples,), nan where a resample leaves one
undefined."""

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
_BLOCK_ELEMENTS = 2**17  # counts at a time: temporaries of about 1 MB stay near the cache, whatever n is


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % bootstrap percentile interval; nan where undefined."""

    value: float
    low: float
    high: float


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
    return float(stats.kendalltau(x, y).statistic)


def spearman(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rank correlation of two arrays (n,), mid-ranks for ties; nan and errors as `kendall_tau`."""
    x, y = _same_length(x=x, y=y)
    if _is_constant(x) or _is_constant(y):
        return math.nan
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


def positional_percent(definition: str) -> str | None:
    """The threshold, in percent, of a definition `positional_P` of S-KdT; None for `rounded`."""
    return None if definition == "rounded" else definition.removeprefix("positional_")


def sparse_truth(truth: npt.ArrayLike, definition: str, threshold: float) -> tuple[Integers, float]:
    """Ground truth (n,) in the whole bins of a definition of S-KdT, and their width as a fraction.

    `rounded` rounds to `threshold`; `positional_0.1` and `positional_1` cut off below multiples of .1 % and 1 %.
    """
    percent = positional_percent(definition)
    if percent is None:
        return round_truth(truth, threshold), threshold
    width = dict(POSITIONAL_THRESHOLDS)[percent]
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
    values = _evaluate_families(families, np.ones((1, n)))
    rows = max(1, _BLOCK_ELEMENTS // n)
    blocks = [
        _evaluate_families(families, resample_counts(n, min(rows, resamples - start), rng))
        for start in range(0, resamples, rows)
    ]
    return [
        Measure(
            metric,
            score,
            _interval(float(value[0]), np.concatenate([block[score, metric] for block in blocks])),
            n,
        )
        for (score, metric), value in values.items()
    ]


def _evaluate_families(families: Sequence[tuple[str, Family]], counts: Floats) -> dict[tuple[str, str], Floats]:
    return {(score, metric): values for score, family in families for metric, values in family(counts).items()}


def _interval(value: float, resampled: Floats) -> Estimate:
    defined = resampled[np.isfinite(resampled)]
    if len(resampled) - len(defined) > MOST_UNDEFINED * len(resampled):
        return Estimate(value, math.nan, math.nan)
    low, high = np.percentile(defined, CONFIDENCE_TAILS)
    return Estimate(value, float(low), float(high))


def moments(values: Floats, mean_name: str, std_name: str | None = None) -> Family:
    """Mean, and standard deviation if named (divided by n, as the authors'), of values (n,) over the pool."""

    def family(counts: Floats) -> dict[str, Floats]:
        mean, std = _mean_and_std(counts, values, len(values))
        named = {mean_name: mean}
        return named if std_name is None else named | {std_name: std}

    return family


def rank_correlations(scores: Floats, truth: Floats, threshold: float) -> Family:
    """`kdt`, `s_kdt` (ground truth rounded to `threshold`) and `spearman` of scores (n,) against truth
    (n,)."""
    rounded = round_truth(truth, threshold)
    score_signs = _signs(scores)
    agreement, sparse_agreement = score_signs * _signs(truth), score_signs * _signs(rounded)
    score_standing, truth_standing, rounded_standing = _standing(scores), _standing(truth), _standing(rounded)

    def family(counts: Floats) -> dict[str, Floats]:
        score_ranks, score_pairs = score_standing(counts)
        truth_ranks, truth_pairs = truth_standing(counts)
        _, rounded_pairs = rounded_standing(counts)
        return {
            "kdt": _correlation(_quadratic(counts, agreement), score_pairs, truth_pairs),
            "s_kdt": _correlation(_quadratic(counts, sparse_agreement), score_pairs, rounded_pairs),
            "spearman": _rank_correlation(counts, score_ranks, truth_ranks),
        }

    return family


def positional_correlation(scores: Floats, truth: Floats, threshold: float, name: str) -> Family:
    """`positional_sparse_kendall_tau` under that name; in a resample, copies stand side by side."""
    order = np.argsort(scores, kind="stable")
    ranks = positional_ranks(truth, threshold)[order]
    agreement = _signs(np.arange(len(ranks))) * _signs(ranks)
    standing = _standing(ranks)

    def family(counts: Floats) -> dict[str, Floats]:
        ordered = counts[:, order]
        times = ordered.astype(np.int64).ravel()
        predicted = np.repeat(np.tile(ranks, len(ordered)), times).reshape(ordered.shape)
        # Positions of equal ground-truth rank are tied, whatever stands there in the predicted order.
        surplus = _quadratic(ordered, agreement) - 2 * _surplus_in_ties(predicted.astype(np.int32))
        _, pairs = standing(ordered)
        return {name: _correlation(surplus, pairs, pairs)}

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

    def family(counts: Floats) -> dict[str, Floats]:
        places = placed(counts)
        mean, std = _mean_and_std(places, truth, k)
        best = np.where(places > 0, truth, -np.inf).max(axis=1)
        surpass = (1 - _ranks_from_top(best, population) / len(population)) ** draws
        return {
            "p_surpass": surpass,
            "p_surpass_complement": 1 - surpass,
            "final_mean": mean,
            "final_std": std,
            "final_best": best,
        }

    return family


def _places_by_score(scores: Floats, losses: Floats, truth: Floats, k: int) -> Callable[[Floats], Floats]:
    """Counts to how many of the k places each architecture takes, both (resamples, n)."""
    order = top_k(scores, len(scores), losses)
    back = np.argsort(order)

    def places(counts: Floats) -> Floats:
        filled = np.minimum(np.cumsum(counts[:, order], axis=1), k)
        taken: Floats = np.diff(filled, axis=1, prepend=0.0)[:, back]
        return taken

    return places


def _places_permuted_twice(scores: Floats, losses: Floats, truth: Floats, k: int) -> Callable[[Floats], Floats]:
    """The same with the places of `twice_permuted_top`."""
    order, ranks = np.argsort(truth, kind="stable"), _score_ranks(scores, losses)

    def places(counts: Floats) -> Floats:
        times = counts[:, order].astype(np.int64).ravel()
        members = np.repeat(np.tile(order, len(counts)), times).reshape(counts.shape)
        taken = np.zeros_like(counts)
        np.add.at(taken, (np.arange(len(counts))[:, None], _permuted_twice(members, ranks)[:, -k:]), 1.0)
        return taken

    return places


def evaluate(
    accuracy: npt.ArrayLike,
    loss: npt.ArrayLike,
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
) -> list[Measure]:
    """Every metric of one run, one batch-norm mode and one split.

    `accuracy`, `loss` and `truth` have shape (n,): shared-weight accuracy and loss, and ground truth, in the
    order of `arch_id`. Names of the metrics: accuracy, accuracy_std, loss, kdt, s_kdt (at `threshold`),
    s_kdt_positional_0.1 and s_kdt_positional_1 (the authors', at .1 % and 1 %), spearman, p_surpass,
    p_surpass_complement, final_mean, final_std, final_best. From kdt on each comes twice, with the
    architectures ranked by accuracy and by negative loss (`score` is "accuracy" or "loss").
    `population_truth` (N,) is the ground truth in which P>R takes its rank, and `population` is N: the two
    must agree, for in a sample r/N is a quantile only with the size of the sample.

    Raises ValueError for values that are not finite (a diverged run is reported as diverged and never
    evaluated), fewer than three architectures, accuracies outside 0..1, or k, draws, population and threshold
    out of range.
    """
    accuracy, loss, truth = _evaluated(accuracy=accuracy, loss=loss, truth=truth)
    reference = _fractions("population_truth", population_truth)
    if population != len(reference):
        raise ValueError(
            f"evaluate: population is {population} but population_truth holds {len(reference)} values; "
            "P>R needs the size of the very set that it takes its rank in: complete table, sample or pool"
        )
    families = [("accuracy", moments(accuracy, "accuracy", "accuracy_std")), ("loss", moments(loss, "loss"))]
    for name, scores in (("accuracy", accuracy), ("loss", -loss)):
        families.extend(_correlations(name, scores, truth, threshold))
        search = search_performance(
            scores, loss, truth, k=k, draws=draws, population_truth=reference, top_order=top_order
        )
        families.append((name, search))
    return bootstrap(families, len(truth), rng, resamples)


def correlations(
    accuracy: npt.ArrayLike,
    loss: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[Measure]:
    """The correlations of `evaluate` alone, by accuracy and by negative loss, for a part of the pool."""
    accuracy, loss, truth = _evaluated(accuracy=accuracy, loss=loss, truth=truth)
    ranked = (("accuracy", accuracy), ("loss", -loss))
    families = [family for name, scores in ranked for family in _correlations(name, scores, truth, threshold)]
    return bootstrap(families, len(truth), rng, resamples)


def _correlations(name: str, scores: Floats, truth: Floats, threshold: float) -> list[tuple[str, Family]]:
    """`rank_correlations` and the positional S-KdT of both thresholds, under the name of the score."""
    positional = [
        (name, positional_correlation(scores, truth, edge, f"s_kdt_positional_{percent}"))
        for percent, edge in POSITIONAL_THRESHOLDS
    ]
    return [(name, rank_correlations(scores, truth, threshold)), *positional]


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
    measures = bootstrap(_correlations("values", values, truth, threshold), len(truth), rng, resamples)
    return {measure.metric: measure.estimate for measure in measures if measure.metric != "spearman"}


def _signs(values: npt.NDArray[np.generic]) -> Floats:
    """sign(values_i - values_j) of shape (n, n)."""
    ranks = np.unique(values, return_inverse=True)[1].astype(np.float64)
    signs: Floats = np.sign(ranks[:, None] - ranks[None, :])
    return signs


def _quadratic(counts: Floats, matrix: Floats) -> Floats:
    """w'Mw for every row w; all are small integers, so that float64 is exact in any order of summation."""
    result: Floats = np.einsum("bi,bi->b", counts @ matrix, counts)
    return result


def _standing(values: npt.NDArray[np.generic]) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Counts to twice the centred mid-ranks (resamples, n) and the number of ordered untied pairs
    (resamples,).

    Twice the distance of a mid-rank from the middle is the number drawn below less the number drawn above.
    """
    order = np.argsort(values, kind="stable")
    left, right = (np.searchsorted(values[order], values, side=side) for side in ("left", "right"))

    def standing(counts: Floats) -> tuple[Floats, Floats]:
        drawn = np.zeros((len(counts), len(values) + 1))
        np.cumsum(counts[:, order], axis=1, out=drawn[:, 1:])
        below, above = drawn[:, left], len(values) - drawn[:, right]
        pairs: Floats = np.einsum("bi,bi->b", counts, below + above)
        return below - above, pairs

    return standing


def _correlation(product: Floats, first: Floats, second: Floats) -> Floats:
    """product / sqrt(first · second), nan where that is undefined."""
    defined = (first > 0) & (second > 0)
    scale = np.sqrt(np.where(defined, first, 1.0)) * np.sqrt(np.where(defined, second, 1.0))
    return np.where(defined, np.clip(product / scale, -1.0, 1.0), np.nan)


def _rank_correlation(counts: Floats, first: Floats, second: Floats) -> Floats:
    weighted = counts * first
    product, first_square = np.einsum("bi,bi->b", weighted, second), np.einsum("bi,bi->b", weighted, first)
    return _correlation(product, first_square, np.einsum("bi,bi,bi->b", counts, second, second))


def _surplus_in_ties(predicted: npt.NDArray[np.int32]) -> Floats:
    """Rises less falls of rank sequences (resamples, n) over pairs of positions of one ground-truth rank."""
    # Positions first: shifted views stay contiguous. Ranks, their differences and a position's counts are
    # below n in size: the smallest integers that hold -n are the fastest.
    small = np.min_scalar_type(-predicted.shape[1])
    truth = np.ascontiguousarray(np.sort(predicted, axis=1).T, dtype=small)
    sequence = np.ascontiguousarray(predicted.T, dtype=small)
    surplus = np.zeros(sequence.shape, dtype=small)
    for lag in range(1, len(truth)):
        tied = truth[lag:] == truth[:-lag]
        if not tied.any():
            break  # ground truth is sorted: positions further apart cannot tie either
        surplus[lag:] += tied * np.sign(sequence[lag:] - sequence[:-lag])
    total: Floats = surplus.sum(axis=0, dtype=np.float64)
    return total


def _mean_and_std(counts: Floats, values: Floats, total: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation (divided by the total) of values (n,), per row of counts with that
    total."""
    mean: Floats = np.einsum("bi,i->b", counts, values) / total
    variance: Floats = np.einsum("bi,bi->b", counts, (values - mean[:, None]) ** 2) / total
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
