"""Measure the loss landscapes of a space: of a stand-alone network, of the super-net with one and with random paths.

The architecture of the first two is the best of the pool by ground truth. A killed job resumes from its state.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.analysis.landscape import scan
from supernet.analysis.surfaces import Landscape
from supernet.config.jobs import LandscapeJob
from supernet.config.run_summary import read_summary
from supernet.io.atomic import write_table
from supernet.pools.file import best_of
from supernet.runtime import program
from supernet.runtime.arguments import positive_number
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.training import session
from supernet.training.build import load_supernet
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument(
        "--checkpoint-seconds", type=positive_number, default=30.0, help="seconds between two checkpoints"
    )
    parser.add_argument("--pool", type=Path, required=True, help="pool with ground truth")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the run (safetensors)")
    parser.add_argument("--summary", type=Path, required=True, help="summary of the run (JSON of scripts/train.py)")
    parser.add_argument("--task", required=True, help="name of the job in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="surfaces to write (Parquet)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Train the stand-alone network, measure all surfaces, and write them."""
    job = session.read_config(options.config, LandscapeJob)
    now = session.open_session(options, start_time())
    space, splits = job.run.load_space(), now.splits(job.run.data, job.run.study_seed)
    arch = best_of(options.pool, space)
    inputs = {"pool": options.pool, "weights": options.weights, "summary": options.summary}
    fingerprint = now.fingerprint(job.model_dump_json(), **inputs)
    training = _checkpoint(options, fingerprint, "standalone")
    landscape = Landscape(job, space, splits, arch)
    with now.phase("train"):
        network = landscape.train_standalone(training, options.task, options.progress)
    if network is None:
        print(f"{options.task}: the stand-alone training diverged: it has no surface")
    surfaces = [] if network is None else landscape.standalone_surfaces(network)
    if read_summary(options.summary, job.run)["status"] == "diverged":
        print(f"{options.task}: the super-net diverged: it has no surfaces")
    else:
        surfaces += landscape.supernet_surfaces(load_supernet(job.run, space, splits, options.weights))
    # Opened after the training, so that their times add up.
    state, total = _checkpoint(options, fingerprint, "surfaces"), len(surfaces) * job.landscape.grid
    with (
        now.phase("scan"),
        Progress(options.task, "rows of the grid", total, options.progress, done=state.done) as progress,
    ):
        found = scan(surfaces, job.landscape.grid, state, progress.update)
    table = landscape.table(surfaces, found)
    write_table(options.output, table)
    now.write_timing(earlier=training.earlier + state.earlier, points=len(table))
    for checkpoint in (training, state):
        checkpoint.discard()


def _checkpoint(options: argparse.Namespace, fingerprint: Fingerprint, name: str) -> Checkpoint:
    return Checkpoint(options.state / f"{name}.safetensors", fingerprint, options.checkpoint_seconds)


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "output"):
        work(options)


if __name__ == "__main__":
    program.run(main)
