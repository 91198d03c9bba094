"""Random search with the scores of one trained super-net, and the ground truth of the best architectures."""

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from supernet.config.jobs import SearchJob
from supernet.rng import stream
from supernet.runtime.progress import Progress
from supernet.search.ground_truth import GroundTruth, quantile
from supernet.search.random_search import Found, random_search
from supernet.spaces.base import Space
from supernet.training.evaluator import Evaluator

COLUMNS: dict[str, Any] = {
    "rank": "int64",
    "arch_id": "str",
    "encoding": "str",
    "score": "float64",
    "truth": "float64",
    "truth_quantile": "float64",
    "parameters": "int64",
    "macs": "int64",
}
"""Columns of search.parquet of a run."""


def best_scored(
    job: SearchJob, space: Space[Any], network: nn.Module, evaluator: Evaluator, truth: GroundTruth, progress: Progress
) -> Sequence[Found]:
    """Draw and score the job's number of architectures, and return those with the best scores, best first.

    The ground truth gives the architectures. As in the metrics of a run, a single score that is not finite means that
    the super-net diverged: nothing is returned. Raises UserError if there are fewer architectures.
    """
    ranking = job.ranking
    count = 0

    def score(arch: object) -> tuple[float, float]:
        nonlocal count
        count += 1
        progress.update(count)
        return evaluator.evaluate(network, arch, ranking.bn_mode, ranking.split)

    rng = stream(job.run.seed, "search")
    drawn = job.search.architectures
    found = random_search(space, score, drawn, rng, truth.draw, truth.available)
    return found[: job.search.retrain] if all(math.isfinite(one.loss) for one in found) else ()


def found_rows(
    best: Sequence[Found], truth: GroundTruth, space: Space[Any], progress: Progress
) -> list[dict[str, Any]]:
    """Train or look up architectures, and return one row of `COLUMNS` for each, in the same order."""
    results = []
    for done, one in enumerate(best, start=1):
        result = truth.result(one.arch)
        # Every drawn architecture has a ground truth; a missing one would make the lengths below unequal.
        results += [] if result is None else [result]
        progress.update(done)
    return [
        {
            "rank": rank,
            "arch_id": found.arch_id,
            "encoding": space.format(found.arch),
            "score": found.accuracy,
            "truth": float("nan") if result.accuracy is None else result.accuracy,
            "truth_quantile": quantile(result.accuracy, truth.population.truth),
            "parameters": result.parameters,
            "macs": result.macs,
        }
        for rank, (found, result) in enumerate(zip(best, results, strict=True), start=1)
    ]
