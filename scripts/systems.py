"""Run search systems of one space and seed, each with its own super-net and the same budget, and write what they find.

A killed job resumes: finished systems are not repeated, and the interrupted one has a checkpoint.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet.config.jobs import SystemsJob
from supernet.io.atomic import write_table
from supernet.provenance.recorder import note_input
from supernet.runtime import program
from supernet.runtime.arguments import positive_number
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline, Stopping
from supernet.search.ground_truth import ground_truth_of
from supernet.search.results import table
from supernet.search.systems_runner import StateFiles, SystemsRunner
from supernet.training import session


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    session.add_limit(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument(
        "--checkpoint-seconds", type=positive_number, default=30.0, help="seconds between two checkpoints"
    )
    parser.add_argument("--pool", type=Path, required=True, help="pool with ground truth, for the quantiles")
    parser.add_argument(
        "--table", type=Path, nargs="?", help="published table with the ground truth of the architectures found"
    )
    parser.add_argument("--store", type=Path, required=True, help="folder of finished trainings that studies share")
    parser.add_argument("--task", required=True, help="name of the job in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="found architectures and costs to write (Parquet)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Run all systems of the job, and write the architectures found and their costs."""
    job = session.read_config(options.config, SystemsJob)
    now = session.open_session(options, start_time())
    space = job.run.load_space()
    splits = now.splits(job.run.data, job.run.study_seed)
    truth = ground_truth_of(job.truth, space, job.run.seed, splits, options)
    files = StateFiles(options.state, options.checkpoint_seconds, options.pool, options.table)
    with Stopping(Deadline.of(start_time(), options.limit_minutes)) as stopping:
        runner = SystemsRunner(job, space, splits, truth, now, files, stopping, options.task, options.progress)
        finished = [runner.run(name) for name in runner.names]
    found = [row for one in finished for row in one.rows]
    trained = [(row["arch_id"], row["encoding"]) for row in found if row.get("parameters") is not None]
    for path in truth.origins(trained):
        note_input(path)
    write_table(options.output, table(found))
    now.write_timing(
        earlier=sum(one.earlier for one in finished),
        systems_seconds={one.system: one.timing["seconds"] for one in finished},
        peak_bytes={one.system: one.timing["peak_bytes"] for one in finished},
    )
    for name in runner.names:
        files.discard(name)


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "output"):
        work(options)


if __name__ == "__main__":
    program.run(main)
