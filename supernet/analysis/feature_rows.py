"""The feature statistics of one job: of the first steps of two trainings, and of the trained networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from supernet.analysis.features import Steps, measure, spread, tracked
from supernet.analysis.images import first_batches
from supernet.config.jobs import FeaturesJob
from supernet.config.study import Run
from supernet.data.images import Splits
from supernet.rng import stream
from supernet.runtime.progress import Progress
from supernet.spaces.base import Space
from supernet.training.build import build_standalone, build_supernet, standalone_trainer, supernet_trainer
from supernet.training.landmarks import Landmark, can_rank

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class FeatureRows:
    """Makes the rows of features/{space}.parquet.

    `arch` is the architecture of the stand-alone network; `task` and `progress` are those of `Progress`.
    """

    job: FeaturesJob
    space: Space[Any]
    splits: Splits
    arch: Any
    task: str
    progress: Path | None

    def supernet_steps(self, landmarks: Sequence[Landmark] | None) -> Rows:
        """Train the first steps of the baseline super-net, exactly as its run did, and return their rows.

        There are none if its landmarks have no ground truth to rank.
        """
        if not can_rank(landmarks):
            return []
        run, space, splits = self.job.run, self.space, self.splits
        trainer = supernet_trainer(run, space, build_supernet(run, space, splits), splits, landmarks)
        steps, count = Steps("supernet", "baseline"), min(self.job.features.steps, trainer.recipe.steps)
        with Progress(self.task, "first steps of the super-net", count, self.progress) as progress:
            steps.train(trainer, count, until=count, progress=progress)
        return steps.rows

    def standalone_steps(self) -> tuple[nn.Module | None, Rows]:
        """Train the stand-alone network; return it (None if it diverged) and the rows of its first steps."""
        job, splits = self.job, self.splits
        network = build_standalone(job.standalone, self.space, self.arch, job.run.seed, splits)
        trainer = standalone_trainer(job.standalone, network, self.arch, job.run.seed, splits)
        steps = Steps("standalone", "")
        with Progress(self.task, "stand-alone training", trainer.recipe.steps, self.progress) as progress:
            trained = steps.train(trainer, job.features.steps, progress=progress)
        return (network if trained.diverged_at is None else None), steps.rows

    def trained_standalone(self, network: nn.Module) -> Rows:
        """Return the rows of the trained stand-alone network: spread over batches, and tracked statistics."""
        recipe = self.job.standalone.truth
        batches = self._batches(recipe.train_portion, recipe.batch_size)
        each = [measure(network, self.arch, [images]) for images in batches]
        return [
            *spread("standalone", "batches", "", each),
            *tracked("standalone", "", network, [measure(network, self.arch, batches)]),
        ]

    def trained_supernet(self, run: Run, network: nn.Module) -> Iterator[dict[str, Any]]:
        """Yield the rows of a trained super-net.

        For the baseline the spread over batches and over paths; for the run that tracks, its tracked statistics.
        """
        job, seed = self.job, self.job.run.seed
        setting = "baseline" if run == job.run else f"batch_norm={run.setting.batch_norm}"
        batches = self._batches(run.setting.train_portion, run.setting.batch_size)
        drawn = self.space.sample(stream(seed, "features", "paths"), "random_a", count=job.features.architectures)
        each = [measure(network, one, batches) for one in drawn]
        if run == job.run:
            of_batches = [measure(network, self.arch, [images]) for images in batches]
            yield from spread("supernet", "batches", setting, of_batches)
            yield from spread("supernet", "architectures", setting, each)
        if run == job.tracking:
            yield from tracked("supernet", setting, network, each)

    def _batches(self, portion: float, batch_size: int) -> list[Tensor]:
        """Whole batches of training images, as large as those of training; fewer if there are not enough images."""
        splits, channels_last = self.splits, self.job.run.protocol.channels_last
        count = min(self.job.features.batches, len(splits.training_images(portion)) // batch_size) * batch_size
        return [images for images, _ in first_batches(splits, portion, count, batch_size, channels_last)]
