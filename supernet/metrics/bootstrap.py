"""Bootstrap percentile intervals of metrics over architectures."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from supernet.metrics.arrays import Floats
from supernet.metrics.interval import Estimate
from supernet.metrics.resampling import Resamples, resample_counts
from supernet.metrics.statistics import Family

RESAMPLES = 10_000
CONFIDENCE_TAILS = (2.5, 97.5)
MOST_UNDEFINED = 0.05
_BLOCK_ELEMENTS = 2**15  # counts at a time: temporaries of about 256 kB stay in the cache, for every n


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of one run: its name, the score that ranked the architectures, the estimate, and their number n."""

    metric: str
    score: str
    estimate: Estimate
    n: int


def bootstrap(
    families: Sequence[tuple[str, Family]],
    n: int,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    draw: Callable[[int, int, np.random.Generator], Floats] = resample_counts,
) -> list[Measure]:
    """Compute every metric of every (score, family) with its 95 % percentile interval, all from the same resamples.

    Undefined resamples (all drawn architectures tie) are dropped; if they are more than 5 %, the interval is nan.
    Blocks of resamples bound the memory. Intervals of extremes (`final_best`, `p_surpass`) are descriptive only,
    because the bootstrap of a maximum is not consistent. `draw` returns the counts of n architectures in a number of
    resamples. Raises ValueError for resamples < 1.
    """
    if resamples < 1:
        raise ValueError(f"bootstrap: resamples is {resamples}, expected at least 1")
    values = _evaluate_families(families, Resamples(np.ones((1, n))))
    rows = max(1, _BLOCK_ELEMENTS // n)
    blocks = [
        _evaluate_families(families, Resamples(draw(n, min(rows, resamples - start), rng)))
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
    """Compute all families; the keys are the index of the family and the name of the metric."""
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
