"""Feature statistics of a space: of the first steps of training, and of the trained networks.

The trainings are those of the baseline super-net and of the best architecture of the pool stand-alone. The super-net
takes its first steps once more, exactly as its run took them; what it is at the end is read from that run's weights.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor, nn

from supernet import spaces
from supernet.analysis.features import COLUMNS, Steps, measure, spread, tracked
from supernet.analysis.images import first_batches
from supernet.config.jobs import FeaturesJob
from supernet.config.study import Run
from supernet.data.images import Splits
from supernet.errors import UserError
from supernet.io.atomic import read_json, write_table
from supernet.pools.file import best_of, read_truths
from supernet.provenance.recorder import note_input
from supernet.rng import stream
from supernet.runtime import program
from supernet.runtime.lock import sole_writer
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.spaces.base import Space
from supernet.training import session
from supernet.training.build import (
    build_standalone,
    build_supernet,
    load_supernet,
    standalone_trainer,
    supernet_trainer,
)

Rows = list[dict[str, Any]]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--pool", type=Path, required=True, help="pool with ground truth")
    parser.add_argument("--landmarks", type=Path, nargs="?", help="landmarks of the baseline, if it has any")
    parser.add_argument(
        "--weights", type=Path, nargs="+", required=True, help="weights of the baseline, and of a run that tracks"
    )
    parser.add_argument("--summaries", type=Path, nargs="+", required=True, help="their outcomes (JSON), in that order")
    parser.add_argument("--task", required=True, help="name of the job in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="statistics to write (Parquet)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    job = session.read_config(options.config, FeaturesJob)
    now = session.open_session(options, start_time())
    space, splits = spaces.load(job.run.own_space), now.splits(job.run.data, job.run.study_seed)
    arch = best_of(options.pool, space)
    with now.phase("train"):
        rows = supernet_steps(job, space, splits, options)
        network, recorded = standalone(job, space, arch, splits, options)
    rows += recorded
    with now.phase("measure"):
        if network is None:
            print(f"{options.task}: the stand-alone training diverged: nothing of its end")
        else:
            rows += standalone_end(job, network, arch, splits)
        for run, weights, summary in trained_runs(job, options):
            if read_json(note_input(summary))["status"] == "diverged":
                print(f"{options.task}: {weights.parent} diverged: nothing of its end")
            else:
                rows += supernet_end(job, run, load_supernet(run, space, splits, weights), space, arch, splits)
    write_table(options.output, pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS))
    now.write_timing(rows=len(rows))


def supernet_steps(job: FeaturesJob, space: Space[Any], splits: Splits, options: argparse.Namespace) -> Rows:
    """The first steps of the baseline super-net."""
    landmarks = None if options.landmarks is None else read_truths(options.landmarks, space)
    trainer = supernet_trainer(job.run, space, build_supernet(job.run, space, splits), splits, landmarks)
    steps, count = Steps("supernet", "baseline"), min(job.features.steps, trainer.recipe.steps)
    with Progress(options.task, "first steps of the super-net", count, options.progress) as progress:
        steps.train(trainer, count, until=count, progress=progress)
    return steps.rows


def standalone(
    job: FeaturesJob, space: Space[Any], arch: Any, splits: Splits, options: argparse.Namespace
) -> tuple[nn.Module | None, Rows]:
    """The stand-alone network after its whole training (none if it diverged), and its first steps."""
    network = build_standalone(job.standalone, space, arch, job.run.seed, splits)
    trainer = standalone_trainer(job.standalone, network, arch, job.run.seed, splits)
    steps = Steps("standalone", "")
    with Progress(options.task, "stand-alone training", trainer.recipe.steps, options.progress) as progress:
        trained = steps.train(trainer, job.features.steps, progress=progress)
    return (network if trained.diverged_at is None else None), steps.rows


def standalone_end(job: FeaturesJob, network: nn.Module, arch: Any, splits: Splits) -> Rows:
    """The trained stand-alone network: from batch to batch, and its tracked statistics."""
    recipe = job.standalone.truth
    batches = batches_of(job, recipe.train_portion, recipe.batch_size, splits)
    each = [measure(network, arch, [images]) for images in batches]
    return [
        *spread("standalone", "batches", "", each),
        *tracked("standalone", "", network, [measure(network, arch, batches)]),
    ]


def trained_runs(job: FeaturesJob, options: argparse.Namespace) -> list[tuple[Run, Path, Path]]:
    """The baseline, and the run that tracks unless it is the baseline, each with its weights and its outcome."""
    runs = [job.run, *([] if job.tracking in (None, job.run) else [job.tracking])]
    if not len(runs) == len(options.weights) == len(options.summaries):
        raise UserError(f"--weights, --summaries: expected {len(runs)} of each, the baseline's first")
    return list(zip(runs, options.weights, options.summaries, strict=True))


def supernet_end(
    job: FeaturesJob, run: Run, network: nn.Module, space: Space[Any], arch: Any, splits: Splits
) -> Iterator[dict[str, Any]]:
    """A trained super-net: the baseline from batch to batch and from path to path; tracked statistics of any."""
    setting = "baseline" if run == job.run else f"batch_norm={run.setting.batch_norm}"
    batches = batches_of(job, run.setting.train_portion, run.setting.batch_size, splits)
    drawn = space.sample(stream(job.run.seed, "features", "paths"), "random_a", count=job.features.architectures)
    each = [measure(network, one, batches) for one in drawn]
    if run == job.run:
        yield from spread("supernet", "batches", setting, [measure(network, arch, [images]) for images in batches])
        yield from spread("supernet", "architectures", setting, each)
    if run == job.tracking:
        yield from tracked("supernet", setting, network, each)


def batches_of(job: FeaturesJob, portion: float, batch_size: int, splits: Splits) -> list[Tensor]:
    """Whole batches of training images, as large as those of training; fewer where there are not so many."""
    count = min(job.features.batches, len(splits.training_images(portion)) // batch_size) * batch_size
    channels_last = job.run.protocol.channels_last
    return [images for images, _ in first_batches(splits, portion, count, batch_size, channels_last)]


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    with program.open_log(options.log, append=True), sole_writer(options.lock):
        work(options)


if __name__ == "__main__":
    program.run(main)
