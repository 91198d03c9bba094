"""All metrics of scores against ground truth, with bootstrap intervals."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from supernet.metrics.arrays import Floats, fractions, scored_vectors, vector
from supernet.metrics.bootstrap import RESAMPLES, Measure, bootstrap
from supernet.metrics.definitions import POSITIONAL_THRESHOLDS
from supernet.metrics.interval import Estimate
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
    """Compute every metric of each of `scored`, such as the batch-norm modes and splits of a run.

    Accuracies, losses and `truth` have shape (n,), in the order of `arch_id`. All are measured on the same resamples,
    which takes less time together than one by one. The metrics are accuracy, accuracy_std, loss, kdt, s_kdt (at
    `threshold`), s_kdt_positional_0.1 and s_kdt_positional_1 (the authors', at .1 % and 1 %), spearman, p_surpass,
    p_surpass_complement, final_mean, final_std, final_best. From kdt on, each is given twice: with the architectures
    ranked by accuracy and by negative loss (`score` is "accuracy" or "loss"). `population_truth` (N,) is the ground
    truth in which P>R takes its rank, and `population` must be N: in a sample, r/N is a quantile only with the size of
    the sample.

    Raises ValueError for values that are not finite (a diverged run is reported as diverged and never evaluated), fewer
    than three architectures, accuracies outside 0..1, or k, draws, population and threshold out of range.
    """
    reference = fractions("population_truth", population_truth)
    if population != len(reference):
        raise ValueError(
            f"evaluate: population is {population} but population_truth holds {len(reference)} values; "
            "P>R needs the size of the set in which it takes its rank: complete table, sample or pool"
        )

    def families(accuracy: Floats, loss: Floats, truth: Floats, known: GroundTruth) -> list[tuple[str, Family]]:
        found = _moments(accuracy, loss)
        for name, scores in (("accuracy", accuracy), ("loss", -loss)):
            found += _correlations(name, scores, known)
            search = search_performance(
                scores, loss, truth, k=k, draws=draws, population_truth=reference, top_order=top_order
            )
            found.append((name, search))
        return found

    return _bootstrap_each(scored, truth, threshold, families, rng, resamples)


def without_truth(
    scored: Sequence[Scores], *, rng: np.random.Generator, resamples: int = RESAMPLES
) -> list[list[Measure]]:
    """Compute the metrics of `evaluate` that need no ground truth: accuracy, accuracy_std and loss.

    Raises ValueError for values that are not finite or accuracies outside 0..1.
    """
    checked = [(fractions("accuracy", accuracy), vector("loss", loss)) for accuracy, loss in scored]
    if not checked:
        return []
    every = [family for accuracy, loss in checked for family in _moments(accuracy, loss)]
    return _each(bootstrap(every, len(checked[0][0]), rng, resamples), len(checked))


def correlations(
    scored: Sequence[Scores],
    truth: npt.ArrayLike,
    *,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[list[Measure]]:
    """Compute only the correlations of `evaluate`, by accuracy and by negative loss, for a subset of the pool."""

    def families(accuracy: Floats, loss: Floats, truth: Floats, known: GroundTruth) -> list[tuple[str, Family]]:
        return [*_correlations("accuracy", accuracy, known), *_correlations("loss", -loss, known)]

    return _bootstrap_each(scored, truth, threshold, families, rng, resamples)


def predictor_taus(
    values: npt.ArrayLike,
    truth: npt.ArrayLike,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> dict[str, Estimate]:
    """Compute KdT and every S-KdT of a training-free predictor (n,), such as FLOPs; the keys are metric names.

    Raises ValueError like `evaluate`.
    """
    values, truth = scored_vectors(values=values, truth=truth)
    measures = bootstrap(_correlations("values", values, GroundTruth(truth, threshold)), len(truth), rng, resamples)
    return {measure.metric: measure.estimate for measure in measures if measure.metric != "spearman"}


def _bootstrap_each(
    scored: Sequence[Scores],
    truth: npt.ArrayLike,
    threshold: float,
    families: Callable[[Floats, Floats, Floats, GroundTruth], list[tuple[str, Family]]],
    rng: np.random.Generator,
    resamples: int,
) -> list[list[Measure]]:
    """Compute the measures of each of `scored`, all from the same resamples and one `GroundTruth`."""
    checked = [scored_vectors(accuracy=accuracy, loss=loss, truth=truth) for accuracy, loss in scored]
    if not checked:
        return []
    common = checked[0][2]
    known = GroundTruth(common, threshold)
    every = [family for accuracy, loss, _ in checked for family in families(accuracy, loss, common, known)]
    return _each(bootstrap(every, len(common), rng, resamples), len(checked))


def _each(measures: Sequence[Measure], count: int) -> list[list[Measure]]:
    """Split the measures of `count` equally measured tables of scores into one list for each."""
    size = len(measures) // count
    return [list(measures[start : start + size]) for start in range(0, len(measures), size)]


def _moments(accuracy: Floats, loss: Floats) -> list[tuple[str, Family]]:
    return [("accuracy", moments(accuracy, "accuracy", "accuracy_std")), ("loss", moments(loss, "loss"))]


def _correlations(name: str, values: Floats, truth: GroundTruth) -> list[tuple[str, Family]]:
    """Return `rank_correlations` and the positional S-KdT at both thresholds, under the name of the score."""
    scores = Ordering(values)
    positional = [(name, positional_correlation(scores, truth, percent)) for percent, _ in POSITIONAL_THRESHOLDS]
    return [(name, rank_correlations(scores, truth)), *positional]
