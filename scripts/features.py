"""Measure the feature statistics of a space: in the first steps of training, and of the trained networks.

Two trainings are measured: the baseline super-net, and the best architecture of the pool stand-alone. The first steps
of the super-net are repeated exactly as in its run; the trained super-net is read from the weights of that run.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from supernet.analysis.feature_rows import FeatureRows
from supernet.analysis.features import COLUMNS
from supernet.config.jobs import FeaturesJob
from supernet.config.run_summary import read_summary
from supernet.config.study import Run
from supernet.errors import UserError
from supernet.io.atomic import write_table
from supernet.pools.file import best_of, read_truths
from supernet.provenance.recorder import note_input
from supernet.runtime import program
from supernet.runtime.startup import start_time
from supernet.training import session
from supernet.training.build import load_supernet


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--pool", type=Path, required=True, help="pool with ground truth")
    parser.add_argument("--landmarks", type=Path, nargs="?", help="landmarks of the baseline, if it needs any")
    parser.add_argument(
        "--weights",
        type=Path,
        nargs="+",
        required=True,
        help="weights of the baseline, then of the run that tracks",
    )
    parser.add_argument("--summaries", type=Path, nargs="+", required=True, help="summaries (JSON) in the same order")
    parser.add_argument("--task", required=True, help="name of the job in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="statistics to write (Parquet)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Train, measure, and write the statistics."""
    job = session.read_config(options.config, FeaturesJob)
    now = session.open_session(options, start_time())
    space, splits = job.run.load_space(), now.splits(job.run.data, job.run.study_seed)
    # Read before the training, so that a wrong file does not cost it.
    for path in (*options.weights, *options.summaries):
        note_input(path)
    landmarks = None if options.landmarks is None else read_truths(options.landmarks, space)
    features = FeatureRows(job, space, splits, best_of(options.pool, space), options.task, options.progress)
    with now.phase("train"):
        rows = features.supernet_steps(landmarks)
        network, steps = features.standalone_steps()
    rows += steps
    with now.phase("measure"):
        if network is None:
            print(f"{options.task}: the stand-alone training diverged: the trained network is not measured")
        else:
            rows += features.trained_standalone(network)
        for run, weights, summary in trained_runs(job, options):
            if read_summary(summary, run)["status"] == "diverged":
                print(f"{options.task}: {weights.parent} diverged: its trained network is not measured")
            else:
                rows += features.trained_supernet(run, load_supernet(run, space, splits, weights))
    write_table(options.output, pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS))
    now.write_timing(rows=len(rows))


def trained_runs(job: FeaturesJob, options: argparse.Namespace) -> list[tuple[Run, Path, Path]]:
    """Return the baseline and, if another run tracks, that run, each with its weights and its summary."""
    runs = [job.run, *([] if job.tracking in (None, job.run) else [job.tracking])]
    if not len(runs) == len(options.weights) == len(options.summaries):
        raise UserError(f"--weights, --summaries: expected {len(runs)} of each, the baseline's first")
    return list(zip(runs, options.weights, options.summaries, strict=True))


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "output"):
        work(options)


if __name__ == "__main__":
    program.run(main)
