"""All metrics of scores against ground truth, with intervals: of `bootstrap`, or of `large`."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from supernet.metrics import large
from supernet.metrics.arrays import Floats, fractions, scored_vectors, vector
from supernet.metrics.bootstrap import RESAMPLES, Measure, bootstrap
from supernet.metrics.definitions import POSITIONAL_THRESHOLDS, SPARSE_THRESHOLD
from supernet.metrics.interval import Estimate
from supernet.metrics.large import Estimates, LargePool, is_resampled
from supernet.metrics.measures import LARGEST_BOOTSTRAP
from supernet.metrics.resampling import Ordering
from supernet.metrics.statistics import (
    Family,
    GroundTruth,
    moments,
    positional_correlation,
    rank_correlations,
    search_performance,
)

Scores = tuple[npt.ArrayLike, npt.ArrayLike]
"""Shared-weight accuracy (n,) and loss (n,) of the same architectures."""
Families = Iterator[tuple[str, Family]]
LargeEstimates = Iterator[tuple[str, Estimates]]


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
    share: float = 0.0,
) -> list[list[Measure]]:
    """Compute every metric of each of `scored`, such as the batch-norm modes and splits of a run.

    Accuracies, losses and `truth` have shape (n,), in the order of `arch_id`. All are measured on the same resamples,
    which takes less time together than one by one. The metrics are accuracy, accuracy_std, loss, kdt, s_kdt (at
    `threshold`), s_kdt_positional_0.1 and s_kdt_positional_1 (the authors', at .1 % and 1 %), spearman, p_surpass,
    p_surpass_complement, final_mean, final_std, final_best. From kdt on, each is given twice: with the architectures
    ranked by accuracy and by negative loss (`score` is "accuracy" or "loss"). `population_truth` (N,) is the ground
    truth in which P>R takes its rank, and `population` must be N: in a sample, r/N is a quantile only with the size of
    the sample. `share` is the part of the space that is scored: intervals are those of `large` if it is 1 or the pool
    is large, and those of the bootstrap otherwise.

    Raises ValueError for values that are not finite (a diverged run is reported as diverged and never evaluated), fewer
    than three architectures, accuracies outside 0..1, or k, draws, population and threshold out of range.
    """
    reference = _population(population_truth, population)

    def families(accuracy: Floats, loss: Floats, truth: Floats, known: GroundTruth) -> Families:
        yield from _moments(accuracy, loss)
        for name, scores in (("accuracy", accuracy), ("loss", -loss)):
            yield from _correlations(name, scores, known)
            search = search_performance(
                scores, loss, truth, k=k, draws=draws, population_truth=reference, top_order=top_order
            )
            yield name, search

    def estimates(accuracy: Floats, loss: Floats, pool: LargePool) -> LargeEstimates:
        yield from _large_moments(accuracy, loss, share)
        for name, scores in (("accuracy", accuracy), ("loss", -loss)):
            yield name, pool.correlations(scores)
            search = pool.search_performance(
                scores, loss, k=k, draws=draws, population_truth=reference, top_order=top_order, resamples=resamples
            )
            yield name, search

    return _measure_each(scored, truth, threshold, families, estimates, rng, resamples, share)


def _population(population_truth: npt.ArrayLike, population: int) -> Floats:
    reference = fractions("population_truth", population_truth)
    if population != len(reference):
        raise ValueError(
            f"evaluate: population is {population} but population_truth holds {len(reference)} values; "
            "P>R needs the size of the set in which it takes its rank: complete table, sample or pool"
        )
    return reference


def without_truth(
    scored: Sequence[Scores], *, rng: np.random.Generator, resamples: int = RESAMPLES, share: float = 0.0
) -> list[list[Measure]]:
    """Compute the metrics of `evaluate` that need no ground truth: accuracy, accuracy_std and loss.

    Raises ValueError for values that are not finite or accuracies outside 0..1.
    """
    checked = [(fractions("accuracy", accuracy), vector("loss", loss)) for accuracy, loss in scored]
    if not checked:
        return []
    n = len(checked[0][0])
    if not is_resampled(n, share):
        return [_listed(_large_moments(accuracy, loss, share), n) for accuracy, loss in checked]
    every = [family for accuracy, loss in checked for family in _moments(accuracy, loss)]
    return _each(bootstrap(every, n, rng, resamples), len(checked))


def correlations(
    scored: Sequence[Scores],
    truth: npt.ArrayLike,
    *,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    share: float = 0.0,
) -> list[list[Measure]]:
    """Compute only the correlations of `evaluate`, by accuracy and by negative loss, for a subset of the pool."""

    def families(accuracy: Floats, loss: Floats, truth: Floats, known: GroundTruth) -> Families:
        yield from _correlations("accuracy", accuracy, known)
        yield from _correlations("loss", -loss, known)

    def estimates(accuracy: Floats, loss: Floats, pool: LargePool) -> LargeEstimates:
        yield "accuracy", pool.correlations(accuracy)
        yield "loss", pool.correlations(-loss)

    return _measure_each(scored, truth, threshold, families, estimates, rng, resamples, share)


def predictor_taus(
    values: npt.ArrayLike,
    truth: npt.ArrayLike,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    share: float = 0.0,
) -> dict[str, Estimate]:
    """Compute KdT and every S-KdT of a training-free predictor (n,), such as FLOPs; the keys are metric names.

    Raises ValueError like `evaluate`.
    """
    found = correlations_of(values, truth, threshold, rng, resamples, share)
    return {metric: estimate for metric, estimate in found.items() if metric != "spearman"}


def correlations_of(
    values: npt.ArrayLike,
    truth: npt.ArrayLike,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    share: float = 0.0,
    largest: int = LARGEST_BOOTSTRAP,
) -> dict[str, Estimate]:
    """Compute the correlations of `evaluate` of any scores (n,), large for good; the keys are metric names.

    Up to `largest` architectures, intervals come from the bootstrap.
    Raises ValueError like `evaluate`.
    """
    values, truth = scored_vectors(values=values, truth=truth)
    if not is_resampled(len(truth), share, largest):
        return dict(LargePool(truth, threshold, share, rng).correlations(values))
    families = list(_correlations("values", values, GroundTruth(truth, threshold)))
    measures = bootstrap(families, len(truth), rng, resamples)
    return {measure.metric: measure.estimate for measure in measures}


def search_performance_of(
    values: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    k: int,
    draws: int,
    population_truth: npt.ArrayLike,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    share: float = 0.0,
    largest: int = LARGEST_BOOTSTRAP,
) -> dict[str, Estimate]:
    """Compute P>R and final performance of `evaluate` of any scores (n,); the keys are metric names.

    Equal scores keep the order of the input. `largest` as in `correlations_of`. Raises ValueError like `evaluate`.
    """
    values, truth = scored_vectors(values=values, truth=truth)
    reference, equal = fractions("population_truth", population_truth), np.zeros(len(truth))
    if not is_resampled(len(truth), share, largest):
        pool = LargePool(truth, SPARSE_THRESHOLD, share, rng)
        found = pool.search_performance(
            values, equal, k=k, draws=draws, population_truth=reference, top_order="sorted", resamples=resamples
        )
        return dict(found)
    family = search_performance(values, equal, truth, k=k, draws=draws, population_truth=reference)
    return {one.metric: one.estimate for one in bootstrap([("values", family)], len(truth), rng, resamples)}


def _measure_each(
    scored: Sequence[Scores],
    truth: npt.ArrayLike,
    threshold: float,
    families: Callable[[Floats, Floats, Floats, GroundTruth], Families],
    estimates: Callable[[Floats, Floats, LargePool], LargeEstimates],
    rng: np.random.Generator,
    resamples: int,
    share: float,
) -> list[list[Measure]]:
    """Compute the measures of each of `scored`, all from one ground truth and the same resamples or groups."""
    checked = [scored_vectors(accuracy=accuracy, loss=loss, truth=truth) for accuracy, loss in scored]
    if not checked:
        return []
    common = checked[0][2]
    if not is_resampled(len(common), share):
        pool = LargePool(common, threshold, share, rng)
        return [_listed(estimates(accuracy, loss, pool), len(common)) for accuracy, loss, _ in checked]
    known = GroundTruth(common, threshold)
    every = [family for accuracy, loss, _ in checked for family in families(accuracy, loss, common, known)]
    return _each(bootstrap(every, len(common), rng, resamples), len(checked))


def _each(measures: Sequence[Measure], count: int) -> list[list[Measure]]:
    """Split the measures of `count` equally measured tables of scores into one list for each."""
    size = len(measures) // count
    return [list(measures[start : start + size]) for start in range(0, len(measures), size)]


def _listed(estimates: Iterable[tuple[str, Estimates]], n: int) -> list[Measure]:
    return [Measure(metric, score, one, n) for score, found in estimates for metric, one in found.items()]


def _moments(accuracy: Floats, loss: Floats) -> Families:
    yield "accuracy", moments(accuracy, "accuracy", "accuracy_std")
    yield "loss", moments(loss, "loss")


def _large_moments(accuracy: Floats, loss: Floats, share: float) -> LargeEstimates:
    yield "accuracy", large.moments(accuracy, share, "accuracy", "accuracy_std")
    yield "loss", large.moments(loss, share, "loss")


def _correlations(name: str, values: Floats, truth: GroundTruth) -> Families:
    """Yield `rank_correlations` and the positional S-KdT at both thresholds, under the name of the score."""
    scores = Ordering(values)
    yield name, rank_correlations(scores, truth)
    for percent, _ in POSITIONAL_THRESHOLDS:
        yield name, positional_correlation(scores, truth, percent)
