"""Train the super-net of one run; a killed job resumes from its checkpoint."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from supernet import spaces
from supernet.config.artifacts import CHECKPOINT
from supernet.config.jobs import Ahead, ScoringJob
from supernet.config.study import Run
from supernet.data.images import Splits
from supernet.io.atomic import write_json
from supernet.io.parquet import write_rows
from supernet.pools.file import read_pool, read_truths
from supernet.provenance.recorder import recording_apart
from supernet.runtime import program
from supernet.runtime.arguments import positive_number
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline, Stopping
from supernet.spaces.base import Space
from supernet.training import session
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.checkpoint import Checkpoint
from supernet.training.landmarks import can_rank
from supernet.training.outputs import summary, write_weights
from supernet.training.scores import Scores, wanted
from supernet.training.scoring import compute, evaluator_of
from supernet.training.trainer import Trainer, TrainingResult, untrained

AHEAD = 1_000_000
"""Images that a training scores at most: it takes about a minute on one core."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    session.add_limit(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument(
        "--checkpoint-seconds", type=positive_number, default=30.0, help="seconds between two checkpoints"
    )
    parser.add_argument(
        "--landmarks", type=Path, nargs="?", help="pool with ground truth for the ranking loss, if the setting uses it"
    )
    parser.add_argument("--task", required=True, help="name of the run in progress lines")
    parser.add_argument("--curve", type=Path, required=True, help="training curve to write (Parquet)")
    parser.add_argument("--weights", type=Path, required=True, help="weights to write (safetensors)")
    parser.add_argument("--summary", type=Path, required=True, help="summary of the run to write (JSON)")
    parser.add_argument("--ahead", help="what to score at once for scripts/score.py (JSON); needs --store")
    parser.add_argument("--store", type=Path, help="folder of scores that jobs share")
    options = parser.parse_args(arguments)
    if options.ahead is not None and options.store is None:
        parser.error("--ahead: needs --store, the folder for the scores")
    return options


def work(options: argparse.Namespace) -> None:
    """Train, and write curve, weights and summary."""
    run = session.read_config(options.config, Run)
    now = session.open_session(options, start_time())
    space, splits = spaces.load(run.own_space), now.splits(run.data, run.study_seed)
    landmarks = None if options.landmarks is None else read_truths(options.landmarks, space)
    network = build_supernet(run, space, splits)
    checkpoint = Checkpoint(
        options.state / CHECKPOINT,
        now.fingerprint(run.model_dump_json(), landmarks=options.landmarks),
        options.checkpoint_seconds,
    )
    with now.phase("train"):
        if can_rank(landmarks):
            trained = train(options, supernet_trainer(run, space, network, splits, landmarks), checkpoint)
        else:
            print(f"{options.task}: no two landmarks have known accuracies that differ: diverged, not trained")
            trained = untrained()
    if trained.diverged_at is not None:
        print(f"{options.task}: the loss was not finite at step {trained.diverged_at}: diverged")
    write_rows(options.curve, trained.curve)
    write_weights(options.weights, network)
    write_json(options.summary, summary(run, network, trained))
    if options.ahead is not None and trained.diverged_at is None:
        # What it reads does not affect the results of this program.
        with recording_apart(None, []):
            score_ahead(options, run, space, network, splits, now)
    now.write_timing(earlier=checkpoint.earlier, steps=trained.steps, passes=trained.passes)
    checkpoint.discard()


def train(options: argparse.Namespace, trainer: Trainer, checkpoint: Checkpoint) -> TrainingResult:
    """Train from the checkpoint on; raises Stopped if the job has to stop."""
    recipe = trainer.recipe
    unit, steps = recipe.batch_size * recipe.passes_per_step, recipe.steps
    with (
        Progress(options.task, "training", steps, options.progress, unit_images=unit, done=checkpoint.done) as progress,
        Stopping(Deadline.of(start_time(), options.limit_minutes)) as stopping,
    ):
        return trainer.run(checkpoint, progress, stopping)


def score_ahead(
    options: argparse.Namespace,
    run: Run,
    space: Space[Any],
    network: nn.Module,
    splits: Splits,
    now: session.Session,
) -> None:
    """Add the scores of the run's pool to the store, if this takes little time.

    A separate job would import torch again, which takes longer than to score a small pool. It scores what is missing.
    """
    ahead = session.read_option("--ahead", options.ahead, Ahead)
    job, path = ScoringJob(run=run, scoring=ahead.scoring), Path(ahead.pool(run))
    if not path.exists():
        print(f"{options.task}: {path} does not exist yet: another job scores it")
        return
    pool = dict(read_pool(path, space))
    scores = wanted(job, list(pool))
    images = sum(len(getattr(splits, split)) for _, _, split in scores)
    limit = Deadline.of(start_time(), options.limit_minutes)
    if images > AHEAD or limit.over(needed=(time.time() - start_time()) / 2):
        print(f"{options.task}: another job scores {len(pool)} architectures")
        return
    known = Scores(job, options.store, options.data, options.weights)
    missing = known.missing(scores)
    with now.phase("score"), Progress(options.task, "scoring", len(missing), options.progress) as progress:
        evaluator = evaluator_of(run, ahead.scoring.evaluation, space, splits)
        for found in compute(evaluator, network, pool, missing, progress):
            known.add(found)


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "curve", "weights", "summary"):
        work(options)


if __name__ == "__main__":
    program.run(main)
