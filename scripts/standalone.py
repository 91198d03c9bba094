"""Train stand-alone networks of the super-net's size with the swept learning rates and batch norms of a space.

A killed job resumes from the log in its state.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet import spaces
from supernet.config.jobs import StandaloneJob
from supernet.io.atomic import publish
from supernet.io.parquet import parquet_bytes
from supernet.pools.file import read_pool
from supernet.runtime import program
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline
from supernet.training import session
from supernet.training.standalone_values import COLUMNS, ValueLog, ValueTrainings, value_trainings


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    session.add_limit(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for the log of finished trainings")
    parser.add_argument("--pool", type=Path, required=True, help="Parquet file of scripts/pool.py")
    parser.add_argument("--task", required=True, help="name of the job in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write, one row per training")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Make all trainings, and write one row for each."""
    job = session.read_config(options.config, StandaloneJob)
    now = session.open_session(options, start_time())
    space = spaces.load(job.recipe.space)
    read_pool(options.pool, space)  # refuses a pool that is not valid
    log = ValueLog(options.state / "trainings.jsonl", now.fingerprint(job.model_dump_json(), pool=options.pool))
    trainings = ValueTrainings(now, job, space, value_trainings(job, options.pool), log)
    trainings.run(options.task, options.progress, Deadline.of(start_time(), options.limit_minutes))
    rows = list(trainings.rows())
    with publish(options.output) as temporary:
        columns = {name: (kind, [row[name] for row in rows]) for name, kind in COLUMNS.items()}
        temporary.write_bytes(parquet_bytes(columns))
    print(f"{options.output}: {len(rows)} trainings, {sum(row['diverged_at'] is not None for row in rows)} diverged")
    now.write_timing(earlier=log.earlier, trainings=len(rows))
    log.discard()


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "output"):
        work(options)


if __name__ == "__main__":
    program.run(main)
