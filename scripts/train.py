"""Train the super-net of one run and score the pool with its weights; a killed job resumes from its checkpoint."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet import spaces
from supernet.config.artifacts import CHECKPOINT
from supernet.config.study import Run
from supernet.io.atomic import write_json
from supernet.io.parquet import write_rows
from supernet.pools.file import read_pool, read_truths
from supernet.runtime import program
from supernet.runtime.arguments import positive_number
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline, Stopping
from supernet.training import session
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.checkpoint import Checkpoint
from supernet.training.evaluator import Evaluator
from supernet.training.landmarks import can_rank
from supernet.training.outputs import summary, write_weights
from supernet.training.trainer import Trainer, TrainingResult, untrained


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    session.add_limit(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument(
        "--checkpoint-seconds", type=positive_number, default=30.0, help="seconds between two checkpoints"
    )
    parser.add_argument("--pool", type=Path, required=True, help="Parquet file of scripts/pool.py")
    parser.add_argument(
        "--landmarks", type=Path, nargs="?", help="pool with ground truth for the ranking loss, if the setting uses it"
    )
    parser.add_argument("--task", required=True, help="name of the run in progress lines")
    parser.add_argument("--curve", type=Path, required=True, help="training curve to write (Parquet)")
    parser.add_argument("--weights", type=Path, required=True, help="weights to write (safetensors)")
    parser.add_argument("--scores", type=Path, required=True, help="scores of the pool to write (Parquet)")
    parser.add_argument("--summary", type=Path, required=True, help="summary of the run to write (JSON)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Train, score, and write curve, weights, scores and summary."""
    run = session.read_config(options.config, Run)
    now = session.open_session(options, start_time())
    space, splits = spaces.load(run.own_space), now.splits(run.data, run.study_seed)
    pool = read_pool(options.pool, space)
    landmarks = None if options.landmarks is None else read_truths(options.landmarks, space)
    network = build_supernet(run, space, splits)
    checkpoint = Checkpoint(
        options.state / CHECKPOINT,
        now.fingerprint(run.model_dump_json(exclude={"scoring"}), pool=options.pool, landmarks=options.landmarks),
        options.checkpoint_seconds,
    )
    with now.phase("train"):
        if can_rank(landmarks):
            trained = train(options, supernet_trainer(run, space, network, splits, landmarks), checkpoint)
        else:
            print(f"{options.task}: no two landmarks have known accuracies that differ: diverged, not trained")
            trained = untrained()
    evaluator = Evaluator(splits, run.scoring, run.protocol.channels_last, run.seed, space.format)
    with now.phase("score"), Progress(options.task, "scoring", len(pool), options.progress) as progress:
        if trained.diverged_at is None:
            rows = evaluator.rows(network, pool, progress)
        else:
            print(f"{options.task}: the loss was not finite at step {trained.diverged_at}: diverged, not scored")
            rows = evaluator.empty_rows(network, [arch_id for arch_id, _ in pool])
    write_rows(options.curve, trained.curve)
    write_weights(options.weights, network)
    write_rows(options.scores, rows)
    write_json(options.summary, summary(run, network, trained))
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


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "curve", "weights", "scores", "summary"):
        work(options)


if __name__ == "__main__":
    program.run(main)
