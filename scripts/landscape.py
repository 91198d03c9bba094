"""Loss landscapes of a space: a stand-alone network, the super-net with one path, and with random paths.

The architecture of the first two is the best of the pool by ground truth. A killed job goes on from its state.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor, nn

from supernet import spaces
from supernet.analysis.images import first_batches
from supernet.analysis.landscape import Surface, loss_and_accuracy, plane, rows, scan
from supernet.config.jobs import LandscapeJob
from supernet.data.images import Splits
from supernet.io.atomic import read_json, write_table
from supernet.pools.file import best_of
from supernet.provenance.recorder import note_input
from supernet.rng import stream
from supernet.runtime import program
from supernet.runtime.lock import sole_writer
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.spaces.base import Space
from supernet.training import session
from supernet.training.build import build_standalone, load_supernet, standalone_trainer
from supernet.training.checkpoint import Checkpoint

COLUMNS = ("kind", "arch_id", "x", "y", "loss", "accuracy")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for what is done so far")
    parser.add_argument("--checkpoint-seconds", type=float, default=30.0, help="between two checkpoints")
    parser.add_argument("--pool", type=Path, required=True, help="pool with ground truth")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the run (safetensors)")
    parser.add_argument("--summary", type=Path, required=True, help="outcome of the run (JSON of scripts/train.py)")
    parser.add_argument("--task", required=True, help="name of the job in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="surfaces to write (Parquet)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    job = session.read_config(options.config, LandscapeJob)
    now = session.open_session(options, start_time())
    space, splits = spaces.load(job.run.own_space), now.splits(job.run.data, job.run.study_seed)
    arch = best_of(options.pool, space)
    fingerprint = now.fingerprint(job.model_dump_json(), space.format(arch))
    training = _checkpoint(options, fingerprint, "standalone")
    with now.phase("train"):
        network, diverged = train(job, space, arch, splits, training, options)
    if diverged:
        print(f"{options.task}: the stand-alone training diverged: no surface of it")
    surfaces = [] if diverged else standalone_surfaces(job, network, arch, splits)
    if read_json(note_input(options.summary))["status"] == "diverged":
        print(f"{options.task}: the super-net diverged: no surfaces of it")
    else:
        supernet = load_supernet(job.run, space, splits, options.weights)
        surfaces += supernet_surfaces(job, space, supernet, arch, splits)
    # Opened after the training, so that their times add up.
    state, total = _checkpoint(options, fingerprint, "surfaces"), len(surfaces) * job.landscape.grid
    with (
        now.phase("scan"),
        Progress(options.task, "rows of the grid", total, options.progress, done=state.done) as progress,
    ):
        found = scan(surfaces, job.landscape.grid, state, progress.update)
    table = pd.DataFrame(rows(surfaces, found), columns=[name for name in COLUMNS if name != "arch_id"])
    named = table["kind"].map(lambda kind: "" if kind == "supernet_random" else space.arch_id(arch)).astype(str)
    write_table(options.output, table.assign(arch_id=named)[list(COLUMNS)].astype({"kind": str}))
    now.write_timing(earlier=training.earlier + state.earlier, points=len(table))
    for checkpoint in (training, state):
        checkpoint.discard()


def train(
    job: LandscapeJob, space: Space[Any], arch: Any, splits: Splits, state: Checkpoint, options: argparse.Namespace
) -> tuple[nn.Module, bool]:
    """The stand-alone network after its training, and whether that diverged."""
    network = build_standalone(job.standalone, space, arch, job.run.seed, splits)
    trainer = standalone_trainer(job.standalone, network, arch, job.run.seed, splits)
    total = trainer.recipe.steps
    with Progress(options.task, "stand-alone training", total, options.progress, done=state.done) as progress:
        trained = trainer.run(state, progress)
    return network, trained.diverged_at is not None


def standalone_surfaces(job: LandscapeJob, network: nn.Module, arch: Any, splits: Splits) -> list[Surface]:
    batches = images_of(job, job.standalone.truth.train_portion, splits)
    measure = partial(loss_and_accuracy, network, [arch], batches)
    return [Surface("standalone", network, plane(network, job.run.seed), measure)]


def supernet_surfaces(
    job: LandscapeJob, space: Space[Any], network: nn.Module, arch: Any, splits: Splits
) -> list[Surface]:
    """Along the same directions: of one path, and the mean of paths that are drawn once for all points."""
    batches = images_of(job, job.run.setting.train_portion, splits)
    drawn = space.sample(stream(job.run.seed, "landscape", "paths"), "random_a", count=job.landscape.paths)
    directions = plane(network, job.run.seed)
    return [
        Surface(kind, network, directions, partial(loss_and_accuracy, network, archs, batches))
        for kind, archs in (("supernet_fixed", [arch]), ("supernet_random", drawn))
    ]


def images_of(job: LandscapeJob, portion: float, splits: Splits) -> list[tuple[Tensor, Tensor]]:
    """Images that the network was trained on; of portions the smaller is a part of the larger."""
    config = job.run
    return first_batches(
        splits, portion, job.landscape.images, config.scoring.batch_size, config.protocol.channels_last
    )


def _checkpoint(options: argparse.Namespace, fingerprint: str, name: str) -> Checkpoint:
    return Checkpoint(options.state / f"{name}.safetensors", fingerprint, options.checkpoint_seconds)


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    with program.open_log(options.log, append=True), sole_writer(options.lock):
        work(options)


if __name__ == "__main__":
    program.run(main)
