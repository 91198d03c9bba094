"""The ground truth of found architectures: looked up in a published table, or trained here."""

import argparse
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from supernet.config.jobs import TruthJob
from supernet.data.images import Splits
from supernet.errors import UserError
from supernet.io.parquet import read_table
from supernet.metrics.definitions import truth_rank
from supernet.metrics.population import Population, population_of
from supernet.pools.draw import published_draw, uniform_rows
from supernet.pools.trainings import Training
from supernet.pools.truth import published_costs
from supernet.published.table import PublishedTable
from supernet.search.random_search import Draw
from supernet.spaces.base import Space
from supernet.training.evaluator import Evaluator
from supernet.training.standalone import train_standalone
from supernet.training.store.truth import StandAloneResult, TruthStore


class TrainedTruth:
    """Trains found architectures like the ground truth, with the seed of the run, or has them from the store."""

    def __init__(
        self,
        job: TruthJob,
        space: Space[Any],
        seed: int,
        splits: Splits,
        truths: npt.NDArray[np.float64],
        store: TruthStore,
    ) -> None:
        """`truths` (N,) is the ground truth of the pool, the population of quantiles."""
        self._job, self._space, self._seed, self._splits, self._store = job, space, seed, splits, store
        self._evaluator = Evaluator(splits, job.evaluation, job.protocol.channels_last)
        self.population = Population(truths, "pool", "trained here")
        self.draw: Draw = partial(space.sample, law="random_a")
        self.available = space.distinct
        """How many distinct architectures `draw` returns."""

    def has(self, arch_id: str) -> bool:
        """Return True: every architecture can be trained."""
        return True

    def result(self, arch: Any) -> StandAloneResult | None:
        """Return the result of an architecture, which is in the store afterwards."""
        training = Training(self._space.arch_id(arch), self._space.format(arch), self._seed)

        def train() -> StandAloneResult:
            return train_standalone(self._job, self._space, arch, self._seed, self._splits, self._evaluator)

        return self._store.obtain(training, train)

    def origins(self, found: Iterable[tuple[str, str]]) -> list[Path]:
        """Return the files that have the results of architectures, given by arch_id and encoding."""
        return self._store.parts(Training(*names, self._seed) for names in found)


class PublishedTruth:
    """Looks up found architectures in a published table: accuracy and cost of the trained network."""

    def __init__(self, table: PublishedTable, space: Space[Any]) -> None:
        self._table, self._space = table, space
        self.population = population_of(table, space)
        self.draw: Draw = published_draw(table, space)
        self.available = len(uniform_rows(table, space))
        self._known = frozenset(table.data.column("arch_id").to_pylist())

    def has(self, arch_id: str) -> bool:
        """Return whether the table lists an architecture."""
        return arch_id in self._known

    def result(self, arch: Any) -> StandAloneResult | None:
        """Look up an architecture; None if the table does not list it."""
        arch_id = self._space.arch_id(arch)
        if not self.has(arch_id):
            return None
        (row,) = self._table.take(self._table.rows([arch_id])).to_dict("records")
        return StandAloneResult(float(row["test_acc"]), None, **published_costs(self._space, row))

    def origins(self, found: Iterable[tuple[str, str]]) -> list[Path]:
        """Return no file: the table is an input already."""
        return []


GroundTruth = TrainedTruth | PublishedTruth


def ground_truth_of(
    job: TruthJob | None,
    space: Space[Any],
    seed: int,
    splits: Splits,
    options: argparse.Namespace,
) -> GroundTruth:
    """Choose the ground truth: the published table if there is one, else trainings, which are compared with the pool.

    `options` has the paths `table` (or None), `pool`, `store` and `data`.

    Raises UserError if there is neither a table nor a recipe (`job`).
    """
    if options.table is not None:
        return PublishedTruth(PublishedTable.load(options.table), space)
    if job is None:
        raise UserError("--config: has no recipe for the ground truth; give a published table with --table")
    truths = read_table(options.pool, "truth")["truth"].dropna().to_numpy()
    return TrainedTruth(job, space, seed, splits, truths, TruthStore(options.store, job, options.data))


def quantile(accuracy: float | None, truths: npt.NDArray[np.float64]) -> float:
    """Compute r/N, with r the rank from the top that an accuracy would have among truths (N,).

    nan for None, and if N is 0 because all trainings of the pool diverged.
    """
    if accuracy is None or not len(truths):
        return float("nan")
    return truth_rank(accuracy, truths) / len(truths)
