"""The effect of each setting on a rank correlation, relative to the baseline, with an interval and a test.

Three seeds alone cannot reject any hypothesis, so two sources of error are combined. Architectures: all settings score
one pool, so its architectures are resampled jointly, and error that a setting and the baseline share cancels in their
difference. Seeds: the variance between seeds is pooled over all settings of a space, which gives it more degrees of
freedom. With V_a the variance of the difference over resamples, s^2 the pooled variance on v degrees of freedom, and n
and n_0 the numbers of seeds of the setting and of the baseline,

    SE^2 = V_a + V_s,   V_s = s^2 (1/n + 1/n_0),   df = (V_a + V_s)^2 v / V_s^2   (Satterthwaite 1946),

and effect / SE is treated as Student's t. In a large pool, V_a is that of the jackknife
(`supernet.metrics.large`); it is 0 if the whole space is scored. If no setting has two seeds, the variance between
seeds is unknown: then SE^2 = V_a, the distribution is normal, and the interval covers only the choice of architectures.
P-values are adjusted for the number of settings of a space by Holm (1979), which is valid under any dependence. The
smallest detectable effect is the one that a two-sided test at 5 % / m, the first step of Holm's procedure for m
settings, finds in 80 of 100 studies.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from supernet.metrics.concordance import Ranks
from supernet.metrics.definitions import kendall_tau, round_truth
from supernet.metrics.jackknife import Pair, variance
from supernet.metrics.large import is_resampled
from supernet.metrics.resampling import Ordering, Resamples, resample_counts
from supernet.metrics.statistics import GroundTruth, rank_correlations

Floats = npt.NDArray[np.float64]
LEVEL = 0.05
POWER = 0.8
RESAMPLES = 4_000
METRICS = ("s_kdt", "kdt")


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a setting on one metric; `p_holm` and `smallest` depend on all settings of the same call.

    `seeds` and `baseline_seeds` are the numbers of runs. `covers_seeds` is whether the interval includes the variance
    between seeds; it does not if no setting has two seeds.
    """

    setting: str
    metric: str
    effect: float
    low: float
    high: float
    p: float
    p_holm: float
    smallest: float
    seeds: int
    baseline_seeds: int
    covers_seeds: bool


@dataclass(frozen=True, slots=True)
class _Spread:
    """Values (seeds,) of a metric, and their mean in each resample (resamples,) or without each architecture (n,)."""

    values: Floats
    perturbed: Floats


Measure = Callable[[Floats, str], _Spread]
"""Maps scores (seeds, n) and a metric to its values and their spread."""
Variance = Callable[[Floats], float]
"""Maps differences of `_Spread.perturbed` to the variance over pools."""


def effects(
    baseline: Floats,
    settings: Mapping[str, Floats],
    truth: Floats,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    share: float = 0.0,
) -> list[Effect]:
    """Compute the effects of all settings of a space on each of `METRICS`, in their order.

    `baseline` and the values of `settings` are scores (seeds, n) of the same n architectures, with ground truth `truth`
    (n,). A run for which a metric is undefined (constant scores) is left out of it. A setting has no effect if it or
    the baseline has no run left. `share` is the part of the space that is scored. If it is 1 and no setting has two
    seeds, neither source of error can be estimated, and no setting has an effect.
    """
    measure: Measure
    of_pool: Variance
    if is_resampled(len(truth), share):
        counts = resample_counts(len(truth), resamples, rng)
        measure, of_pool = partial(_by_bootstrap, truth, threshold, counts), _variance_of_resamples
    else:
        measure, of_pool = partial(_by_jackknife, truth, threshold), partial(variance, share=share)
    found: list[Effect] = []
    for metric in METRICS:
        spreads = {name: measure(scores, metric) for name, scores in settings.items()}
        chosen = {name: one for name, one in spreads.items() if len(one.values)}
        found += _of_metric(metric, measure(baseline, metric), chosen, of_pool, share)
    return found


def _of_metric(
    metric: str, base: _Spread, settings: Mapping[str, _Spread], of_pool: Variance, share: float
) -> Iterator[Effect]:
    if not len(base.values) or not settings:
        return
    of_seeds, freedom = pooled_variance([base.values, *(one.values for one in settings.values())])
    if share >= 1 and not freedom:
        return
    errors = {
        name: _error(one, base, of_pool(one.perturbed - base.perturbed), of_seeds, freedom)
        for name, one in settings.items()
    }
    differences = {name: float(one.values.mean() - base.values.mean()) for name, one in settings.items()}
    p = {name: _p_value(differences[name], *errors[name]) for name in settings}
    adjusted = dict(zip(p, holm(list(p.values())), strict=True))
    for name, one in settings.items():
        error, df = errors[name]
        reach = error * _quantile(1 - LEVEL / 2, df)
        yield Effect(
            setting=name,
            metric=metric,
            effect=differences[name],
            low=differences[name] - reach,
            high=differences[name] + reach,
            p=p[name],
            p_holm=adjusted[name],
            smallest=error * (_quantile(1 - LEVEL / (2 * len(settings)), df) + _quantile(POWER, df)),
            seeds=len(one.values),
            baseline_seeds=len(base.values),
            covers_seeds=freedom > 0,
        )


def pooled_variance(groups: list[Floats]) -> tuple[float, int]:
    """Compute the variance within groups of values (one per seed) and its degrees of freedom; (0, 0) without a pair."""
    freedom = sum(len(group) - 1 for group in groups)
    if freedom == 0:
        return 0.0, 0
    return float(sum(((group - group.mean()) ** 2).sum() for group in groups)) / freedom, freedom


def holm(p: list[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down procedure; returns them in the given order."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def _by_bootstrap(truth: Floats, threshold: float, counts: Floats, scores: Floats, metric: str) -> _Spread:
    whole, known = Resamples(np.ones((1, len(truth)))), GroundTruth(truth, threshold)
    families = [rank_correlations(Ordering(one), known) for one in scores]
    values = np.array([family(whole)[metric][0] for family in families])
    defined = [family for family, value in zip(families, values, strict=True) if math.isfinite(value)]
    if not defined:
        return _Spread(np.empty(0), np.empty(0))
    resamples = Resamples(counts)
    resampled = np.mean([family(resamples)[metric] for family in defined], axis=0)
    return _Spread(values[np.isfinite(values)], resampled)


def _variance_of_resamples(differences: Floats) -> float:
    return float(np.nanvar(differences, ddof=1))


def _by_jackknife(truth: Floats, threshold: float, scores: Floats, metric: str) -> _Spread:
    reference = truth if metric == "kdt" else round_truth(truth, threshold)
    values = np.array([kendall_tau(one, reference) for one in scores])
    ranks = Ranks(reference)
    defined = [Pair(Ranks(one), ranks) for one, value in zip(scores, values, strict=True) if math.isfinite(value)]
    if not defined:
        return _Spread(np.empty(0), np.empty(0))
    return _Spread(values[np.isfinite(values)], np.mean([pair.tau_without_each() for pair in defined], axis=0))


def _error(one: _Spread, base: _Spread, of_pool: float, seed_variance: float, freedom: int) -> tuple[float, float]:
    """Return the standard error of the difference of means, and its degrees of freedom."""
    of_seeds = seed_variance * (1 / len(one.values) + 1 / len(base.values))
    total = of_pool + of_seeds
    return math.sqrt(total), (total**2 * freedom / of_seeds**2 if of_seeds > 0 else math.inf)


def _p_value(difference: float, error: float, df: float) -> float:
    if error == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * stdtr(df, -abs(difference) / error))


def _quantile(probability: float, df: float) -> float:
    return float(stdtrit(df, probability))
