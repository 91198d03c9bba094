"""The effect of each setting on a rank correlation, relative to the baseline, with an interval and a test.

The unit of inference is the seed. An effect is the mean over the seeds that a setting and the baseline have in common
of the difference between the two runs of that seed. It has two sources of error. Architectures: all settings score one
pool, so its architectures are resampled jointly, and error that a setting and the baseline share cancels in their
difference. Seeds: each setting has its own variance, because settings that train less vary more. With V_a the variance
of the effect over resamples, and s^2 the variance of the differences of m common seeds,

    SE^2 = V_a + V_s,   V_s = s^2 / m,   df = (m - 1) SE^4 / V_s^2   (Satterthwaite 1946),

and effect / SE is treated as Student's t. Without V_a this is the paired t-test, which is exact whatever the two
variances are. Welch's test is not: with three seeds and variances that differ, a family of six settings has 7 to 9 %
false positives (tests/unit/metrics/test_effects.py). In a large pool, V_a is that of the jackknife
(`supernet.metrics.large`); it is 0 if the whole space is scored. A setting with fewer than `FEWEST_SEEDS` seeds in
common with the baseline is not tested: it has no p-value, and its interval covers only the choice of architectures.
P-values are adjusted for the number of tested settings of a space by Holm (1979), which is valid under any dependence.
The smallest detectable effect is the one that a two-sided test at 5 % / k, the first step of Holm's procedure for k
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
Scores = Mapping[int, Floats]
"""Scores (n,) of the runs of a setting, by seed."""
LEVEL = 0.05
POWER = 0.8
RESAMPLES = 4_000
METRICS = ("s_kdt", "kdt")
FEWEST_SEEDS = 3
"""Minimum number of seeds that a setting and the baseline have in common for a test: two give no useful variance."""
_MOST = 2.0
"""Largest possible difference between two correlations."""


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect of a setting on one metric; `p_holm` and `smallest` depend on all settings of the same call.

    `seeds` and `baseline_seeds` are the numbers of runs. `tested` is whether they have `FEWEST_SEEDS` in common and the
    interval includes the variance between seeds; otherwise `p`, `p_holm` and `smallest` are nan.
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
    tested: bool


@dataclass(frozen=True, slots=True)
class Error:
    """The standard error of an effect, its degrees of freedom, and whether it includes the variance between seeds."""

    size: float
    freedom: float
    tested: bool

    def reach(self, level: float) -> float:
        """Return half of the length of a two-sided interval at 1 - `level`."""
        return self.size * _quantile(1 - level / 2, self.freedom)

    def p_value(self, effect: float) -> float:
        """Return the p-value of an effect, two-sided; nan if it is not tested."""
        if not self.tested:
            return math.nan
        if self.size == 0:
            return 1.0 if effect == 0 else 0.0
        return float(2 * stdtr(self.freedom, -abs(effect) / self.size))


@dataclass(frozen=True, slots=True)
class _Taus:
    """A metric of the runs of a setting, by seed: its value, and its values in each resample or without each one."""

    values: Mapping[int, float]
    perturbed: Mapping[int, Floats]
    """Shape (resamples,), or (n,) for the jackknife."""


Measure = Callable[[Scores, str], _Taus]
"""Maps the scores of a setting and a metric to its values."""
Variance = Callable[[Floats], float]
"""Maps differences of `_Taus.perturbed` to the variance over pools."""


def effects(
    baseline: Scores,
    settings: Mapping[str, Scores],
    truth: Floats,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    share: float = 0.0,
) -> list[Effect]:
    """Compute the effects of all settings of a space on each of `METRICS`, in their order.

    All scores are of the same n architectures, with ground truth `truth` (n,). A run for which a metric is undefined
    (constant scores) is left out of it. A setting without a seed in common with the baseline has no effect. `share` is
    the part of the space that is scored. If it is 1, a setting that is not tested has no effect, because neither source
    of error can be estimated.
    """
    measure, of_pool = _methods(truth, threshold, rng, resamples, share)
    found: list[Effect] = []
    for metric in METRICS:
        taus = {name: measure(scores, metric) for name, scores in settings.items()}
        found += _of_metric(metric, measure(baseline, metric), taus, of_pool, share)
    return found


def contrasts(
    settings: Mapping[str, Scores],
    truth: Floats,
    threshold: float,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    share: float = 0.0,
) -> Iterator[tuple[str, Effect]]:
    """Yield (other, effect): the effects of all settings against each other one, in whose place the baseline is.

    Arguments are those of `effects`. `p_holm` is adjusted for the settings that are compared with the same other one.
    """
    measure, of_pool = _methods(truth, threshold, rng, resamples, share)
    for metric in METRICS:
        taus = {name: measure(scores, metric) for name, scores in settings.items()}
        for other, base in taus.items():
            rest = {name: one for name, one in taus.items() if name != other}
            for effect in _of_metric(metric, base, rest, of_pool, share):
                yield other, effect


def _methods(
    truth: Floats, threshold: float, rng: np.random.Generator, resamples: int, share: float
) -> tuple[Measure, Variance]:
    """Return how taus are measured, with the perturbations of a pool of this size, and the variance over pools."""
    if is_resampled(len(truth), share):
        counts = resample_counts(len(truth), resamples, rng)
        return partial(_by_bootstrap, truth, threshold, counts), _variance_of_resamples
    return partial(_by_jackknife, truth, threshold), partial(variance, share=share)


def _of_metric(
    metric: str, base: _Taus, settings: Mapping[str, _Taus], of_pool: Variance, share: float
) -> Iterator[Effect]:
    fewest = FEWEST_SEEDS if share >= 1 else 1
    common = {name: sorted(one.values.keys() & base.values.keys()) for name, one in settings.items()}
    settings = {name: one for name, one in settings.items() if len(common[name]) >= fewest}
    effect = {
        name: float(np.mean([one.values[seed] - base.values[seed] for seed in common[name]]))
        for name, one in settings.items()
    }
    errors = {name: _error(one, base, common[name], of_pool) for name, one in settings.items()}
    p = {name: errors[name].p_value(effect[name]) for name in settings if errors[name].tested}
    adjusted = dict(zip(p, holm(list(p.values())), strict=True))
    for name, one in settings.items():
        error, reach = errors[name], errors[name].reach(LEVEL)
        smallest = error.reach(LEVEL / len(p)) + error.size * _quantile(POWER, error.freedom) if p else math.nan
        yield Effect(
            setting=name,
            metric=metric,
            effect=effect[name],
            low=max(effect[name] - reach, -_MOST),
            high=min(effect[name] + reach, _MOST),
            p=p.get(name, math.nan),
            p_holm=adjusted.get(name, math.nan),
            smallest=smallest if error.tested else math.nan,
            seeds=len(one.values),
            baseline_seeds=len(base.values),
            tested=error.tested,
        )


def standard_error(differences: Floats, of_pool: float) -> Error:
    """Return the error of the mean of differences (m,), one per common seed of a setting and the baseline.

    `of_pool` is the variance from the choice of architectures. Without `FEWEST_SEEDS` it is the only source of error.
    """
    count = len(differences)
    if count < FEWEST_SEEDS:
        return Error(math.sqrt(of_pool), math.inf, False)
    of_seeds = float(differences.var(ddof=1)) / count
    total = of_pool + of_seeds
    return Error(math.sqrt(total), (count - 1) * total**2 / of_seeds**2 if of_seeds else math.inf, True)


def holm(p: list[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down procedure; returns them in the given order."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def _by_bootstrap(truth: Floats, threshold: float, counts: Floats, scores: Scores, metric: str) -> _Taus:
    whole, known, resamples = Resamples(np.ones((1, len(truth)))), GroundTruth(truth, threshold), Resamples(counts)
    families = {seed: rank_correlations(Ordering(one), known) for seed, one in scores.items()}
    values = {seed: float(family(whole)[metric][0]) for seed, family in families.items()}
    defined = [seed for seed, value in values.items() if math.isfinite(value)]
    return _Taus(
        {seed: values[seed] for seed in defined}, {seed: families[seed](resamples)[metric] for seed in defined}
    )


def _variance_of_resamples(differences: Floats) -> float:
    return float(np.nanvar(differences, ddof=1))


def _by_jackknife(truth: Floats, threshold: float, scores: Scores, metric: str) -> _Taus:
    reference = truth if metric == "kdt" else round_truth(truth, threshold)
    values = {seed: kendall_tau(one, reference) for seed, one in scores.items()}
    defined, ranks = [seed for seed, value in values.items() if math.isfinite(value)], Ranks(reference)
    return _Taus(
        {seed: values[seed] for seed in defined},
        {seed: Pair(Ranks(scores[seed]), ranks).tau_without_each() for seed in defined},
    )


def _error(one: _Taus, base: _Taus, common: list[int], of_pool: Variance) -> Error:
    perturbed = np.mean([one.perturbed[seed] - base.perturbed[seed] for seed in common], axis=0)
    differences = np.array([one.values[seed] - base.values[seed] for seed in common])
    return standard_error(differences, of_pool(perturbed))


def _quantile(probability: float, df: float) -> float:
    return float(stdtrit(df, probability))
