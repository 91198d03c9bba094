"""The training of the super-net of one run, which resumes from its checkpoint, and the scores of a small pool."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from supernet.config.jobs import Ahead, ScoringJob
from supernet.config.study import Run
from supernet.data.images import Splits
from supernet.io.atomic import write_json
from supernet.io.parquet import write_rows
from supernet.pools.file import read_pool, read_truths
from supernet.provenance.recorder import recording_apart
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline, Stopping
from supernet.spaces.base import Space
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.checkpoint import Checkpoint
from supernet.training.landmarks import can_rank
from supernet.training.outputs import summary, write_weights
from supernet.training.scores import Scores, wanted
from supernet.training.scoring import compute, evaluator_of
from supernet.training.session import Session
from supernet.training.store.supernets import SupernetStore
from supernet.training.trainer import Trainer, TrainingResult, untrained

AHEAD = 1_000_000
"""Images that a training scores at most: it takes about a minute on one core."""


@dataclass(frozen=True)
class Job:
    """What the training of a run needs besides its config."""

    task: str
    """Name of the run in progress lines."""
    images: Path
    landmarks: Path | None
    checkpoint: Path
    checkpoint_seconds: float
    progress: Path | None
    deadline: Deadline


class RunTraining:
    """The super-net of a run, with its images in memory."""

    def __init__(self, now: Session, run: Run, job: Job) -> None:
        """Load images and landmarks, and build the network. Raises UserError if an input is damaged."""
        self._now, self._run, self._job = now, run, job
        self._space: Space[Any] = run.load_space()
        self._splits: Splits = now.splits(run.data, run.study_seed)
        self._landmarks = None if job.landmarks is None else read_truths(job.landmarks, self._space)
        self._network: nn.Module = build_supernet(run, self._space, self._splits)
        fingerprint = now.fingerprint(run.model_dump_json(), landmarks=job.landmarks)
        self._checkpoint = Checkpoint(job.checkpoint, fingerprint, job.checkpoint_seconds)

    def add_to(self, store: SupernetStore) -> TrainingResult:
        """Train, and add the super-net to the store. Raises Stopped if the job has to stop."""
        with self._now.phase("train"):
            trained = self._train()
        if trained.diverged_at is not None:
            print(f"{self._job.task}: the loss was not finite at step {trained.diverged_at}: diverged")
        with store.adding() as files:
            write_rows(Path(files.curve), trained.curve)
            write_weights(Path(files.weights), self._network)
            write_json(files.timing, self._now.timing(**self.counts(trained)))
            write_json(files.summary, summary(self._run, self._network, trained))
        return trained

    def counts(self, trained: TrainingResult) -> dict[str, Any]:
        """Return what timings have besides seconds: `earlier` of `Session.timing`, steps and passes."""
        return {"earlier": self._checkpoint.earlier, "steps": trained.steps, "passes": trained.passes}

    def score(self, ahead: Ahead, store: Path, weights: Path) -> None:
        """Add the scores of the run's pool to the store, if this takes little time.

        A separate job would import torch again, which takes longer than to score a small pool. It scores what is
        missing. What this method reads does not affect the super-net.
        """
        with recording_apart(None, []):
            self._score(ahead, store, weights)

    def _train(self) -> TrainingResult:
        if not can_rank(self._landmarks):
            print(f"{self._job.task}: no two landmarks have known accuracies that differ: diverged, not trained")
            return untrained()
        trainer = supernet_trainer(self._run, self._space, self._network, self._splits, self._landmarks)
        return train(trainer, self._checkpoint, self._job)

    def _score(self, ahead: Ahead, store: Path, weights: Path) -> None:
        job, path = ScoringJob(run=self._run, scoring=ahead.scoring), Path(ahead.pool(self._run))
        task, deadline = self._job.task, self._job.deadline
        if not path.exists():
            print(f"{task}: {path} does not exist yet: another job scores it")
            return
        pool = dict(read_pool(path, self._space))
        scores = wanted(job, list(pool))
        images = sum(len(getattr(self._splits, split)) for _, _, split in scores)
        if images > AHEAD or deadline.over(needed=(time.time() - start_time()) / 2):
            print(f"{task}: another job scores {len(pool)} architectures")
            return
        known = Scores(job, store, self._job.images, weights)
        missing = known.missing(scores)
        progress = Progress(task, "scoring", len(missing), self._job.progress)
        with self._now.phase("score"), progress as shown:
            evaluator = evaluator_of(self._run, ahead.scoring.evaluation, self._space, self._splits)
            for found in compute(evaluator, self._network, pool, missing, shown):
                known.add(found)


def train(trainer: Trainer, checkpoint: Checkpoint, job: Job) -> TrainingResult:
    """Train from the checkpoint on; raises Stopped if the job has to stop."""
    recipe = trainer.recipe
    unit, steps = recipe.batch_size * recipe.passes_per_step, recipe.steps
    with (
        Progress(job.task, "training", steps, job.progress, unit_images=unit, done=checkpoint.done) as progress,
        Stopping(job.deadline) as stopping,
    ):
        return trainer.run(checkpoint, progress, stopping)
