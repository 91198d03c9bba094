"""Time of the bootstrap of KdT, S-KdT and Spearman, compared with a loop over scipy."""

import os
import sys
import time
from collections.abc import Sequence

# One core for both; the linear algebra library reads this when numpy is first imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import numpy as np
from scipy import stats

from benchmarks.harness.findings import Findings, parse
from supernet.metrics.arrays import Floats
from supernet.metrics.bootstrap import bootstrap
from supernet.metrics.definitions import round_truth
from supernet.metrics.resampling import Ordering
from supernet.metrics.statistics import GroundTruth, rank_correlations


def simulated_pool(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return scores and ground truth (n,), to four decimals and correlated as in the pool of a super-net."""
    truth = np.clip(0.93 + 0.01 * rng.standard_normal(n), 0, 1).round(4)
    return (truth - 0.5 + 0.01 * rng.standard_normal(n)).round(4), truth


def seconds_of_loop(scores: Floats, truth: Floats, measured: int, rng: np.random.Generator) -> float:
    """Return processor seconds per resample of the plain loop, from `measured` resamples."""
    rounded = round_truth(truth, 1e-3)
    started = time.process_time()
    for _ in range(measured):
        chosen = rng.integers(len(scores), size=len(scores))
        stats.kendalltau(scores[chosen], truth[chosen])
        stats.kendalltau(scores[chosen], rounded[chosen])
        stats.spearmanr(scores[chosen], truth[chosen])
    return (time.process_time() - started) / measured


def seconds_of_bootstrap(scores: Floats, truth: Floats, resamples: int, rng: np.random.Generator) -> float:
    """Return processor seconds for all resamples of our bootstrap, the best of three."""
    times = []
    for _ in range(3):
        started = time.process_time()
        family = rank_correlations(Ordering(scores), GroundTruth(truth, 1e-3))
        bootstrap([("accuracy", family)], len(scores), rng, resamples)
        times.append(time.process_time() - started)
    return min(times)


def main(arguments: Sequence[str]) -> None:
    extrapolated = {"type": int, "default": 100, "help": "resamples of the loop that are timed and extrapolated from"}
    options = parse(__doc__, arguments, [("--measured", extrapolated)])
    architectures, resamples, measured = (20, 100, 2) if options.quick else (200, 10_000, options.measured)
    found = Findings()
    rng = np.random.default_rng(0)
    scores, truth = simulated_pool(architectures, rng)
    ours = seconds_of_bootstrap(scores, truth, resamples, rng)
    loop = seconds_of_loop(scores, truth, measured, rng) * resamples
    found.say(
        f"bootstrap, {resamples} resamples of {architectures} architectures, one core: a loop over scipy takes "
        f"{loop:.1f} s (extrapolated from {measured} resamples), {loop / ours:.0f} times as long"
    )
    found.add("bootstrap", ours, "one core")
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
