"""Score a pool with the weights of a finished run, for example another pool or in another batch-norm mode."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet import spaces
from supernet.config.study import Run
from supernet.io.parquet import write_rows
from supernet.pools.file import read_pool
from supernet.runtime import program
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.training import session
from supernet.training.build import load_supernet
from supernet.training.evaluator import Evaluator


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--pool", type=Path, required=True, help="Parquet file of scripts/pool.py")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the run (safetensors)")
    parser.add_argument("--task", required=True, help="name of the run in progress lines")
    parser.add_argument("--scores", type=Path, required=True, help="scores to write (Parquet)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Score the pool and write the scores."""
    run = session.read_config(options.config, Run)
    now = session.open_session(options, start_time())
    space, splits = spaces.load(run.own_space), now.splits(run.data, run.study_seed)
    pool = read_pool(options.pool, space)
    network = load_supernet(run, space, splits, options.weights)
    evaluator = Evaluator(splits, run.scoring, run.protocol.channels_last, run.seed, space.format)
    with now.phase("score"), Progress(options.task, "scoring", len(pool), options.progress) as progress:
        write_rows(options.scores, evaluator.rows(network, pool, progress))
    now.write_timing()


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "scores", append=False):
        work(options)


if __name__ == "__main__":
    program.run(main)
