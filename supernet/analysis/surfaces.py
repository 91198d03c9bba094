"""The surfaces of one loss-landscape job: of a stand-alone network, of the super-net with one and with random paths."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor, nn

from supernet.analysis.images import first_batches
from supernet.analysis.landscape import Surface, loss_and_accuracy, plane, rows
from supernet.config.jobs import LandscapeJob
from supernet.data.images import Splits
from supernet.rng import stream
from supernet.runtime.progress import Progress
from supernet.spaces.base import Space
from supernet.training.build import build_standalone, standalone_trainer
from supernet.training.checkpoint import Checkpoint

COLUMNS = {
    "kind": "str",
    "arch_id": "str",
    "x": "float64",
    "y": "float64",
    "loss": "float64",
    "accuracy": "float64",
}
"""Columns of landscape/{space}.parquet, which has no rows if all trainings diverged."""


@dataclass(frozen=True)
class Landscape:
    """Makes the networks and surfaces of a job; `arch` is the architecture of the surfaces with one path."""

    job: LandscapeJob
    space: Space[Any]
    splits: Splits
    arch: Any

    def train_standalone(self, state: Checkpoint, task: str, progress: Path | None) -> nn.Module | None:
        """Train the stand-alone network from its checkpoint on; return None if it diverged.

        `task` and `progress` are those of `Progress`.
        """
        job, splits = self.job, self.splits
        network = build_standalone(job.standalone, self.space, self.arch, job.run.seed, splits)
        trainer = standalone_trainer(job.standalone, network, self.arch, job.run.seed, splits)
        with Progress(task, "stand-alone training", trainer.recipe.steps, progress, done=state.done) as steps:
            trained = trainer.run(state, steps)
        return network if trained.diverged_at is None else None

    def standalone_surfaces(self, network: nn.Module) -> list[Surface]:
        """Return the surface of the trained stand-alone network."""
        batches = self._images(self.job.standalone.truth.train_portion)
        measure = partial(loss_and_accuracy, network, [self.arch], batches)
        return [Surface("standalone", network, plane(network, self.job.run.seed), measure)]

    def supernet_surfaces(self, network: nn.Module) -> list[Surface]:
        """Return two surfaces along the same directions: of one path, and the mean of random paths.

        The random paths are drawn once for all points.
        """
        job, seed = self.job, self.job.run.seed
        batches = self._images(job.run.setting.train_portion)
        drawn = self.space.sample(stream(seed, "landscape", "paths"), "random_a", count=job.landscape.paths)
        directions = plane(network, seed)
        return [
            Surface(kind, network, directions, partial(loss_and_accuracy, network, archs, batches))
            for kind, archs in (("supernet_fixed", [self.arch]), ("supernet_random", drawn))
        ]

    def table(self, surfaces: Sequence[Surface], found: npt.NDArray[np.float64]) -> pd.DataFrame:
        """Return one row per point; `found` is what `scan` measured."""
        table = pd.DataFrame(rows(surfaces, found), columns=[name for name in COLUMNS if name != "arch_id"])
        arch_id = self.space.arch_id(self.arch)
        named = table["kind"].map(lambda kind: "" if kind == "supernet_random" else arch_id).astype(str)
        return table.assign(arch_id=named)[list(COLUMNS)].astype(COLUMNS)

    def _images(self, portion: float) -> list[tuple[Tensor, Tensor]]:
        """Images that the network was trained on; a smaller portion is a part of a larger one."""
        job = self.job
        channels_last, batch_size = job.run.protocol.channels_last, job.evaluation.batch_size
        return first_batches(self.splits, portion, job.landscape.images, batch_size, channels_last)
