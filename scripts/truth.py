"""Train one shard of a pool stand-alone, as ground truth where no published table fits the data of the study."""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from supernet import spaces
from supernet.config.jobs import TruthJob
from supernet.io.atomic import write_table
from supernet.io.parquet import read_table
from supernet.pools.file import read_pool
from supernet.pools.truth import trainings
from supernet.provenance.recorder import note_config
from supernet.runtime import program
from supernet.runtime.arguments import natural, positive
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline, Stopped
from supernet.training import session
from supernet.training.evaluator import Evaluator
from supernet.training.standalone import TruthLog, result_problem, train_standalone

COUNTS = ("seeds", "repeated", "shard", "shards")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    session.add_limit(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for finished trainings")
    parser.add_argument("--pool", type=Path, required=True, help="Parquet file of scripts/pool.py")
    parser.add_argument("--seeds", type=positive, required=True, help="trainings per repeated architecture")
    parser.add_argument("--repeated", type=natural, required=True, help="architectures trained with all seeds")
    parser.add_argument("--shard", type=natural, required=True, help="index of the shard, from 0")
    parser.add_argument("--shards", type=positive, required=True, help="number of shards")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write, one row per training")
    options = parser.parse_args(arguments)
    if options.shard >= options.shards:
        parser.error(f"--shard {options.shard}: expected less than --shards {options.shards}")
    return options


def work(options: argparse.Namespace) -> None:
    """Train this shard's architectures, and write one row per training."""
    job = session.read_config(options.config, TruthJob)
    note_config({"job": job.model_dump(mode="json"), **{name: getattr(options, name) for name in COUNTS}})
    now = session.open_session(options, start_time())
    space, splits = spaces.load(job.space), now.splits(job.data, job.study_seed)
    evaluator = Evaluator(splits, job.evaluation, job.protocol.channels_last)
    read_pool(options.pool, space)  # refuses a pool that is not valid
    every = trainings(read_table(options.pool), options.seeds, options.repeated, job.study_seed, job.space)
    todo = every.iloc[options.shard :: options.shards]
    log = TruthLog(options.state / "trainings.jsonl", now.fingerprint(job.model_dump_json(), pool=options.pool))
    for arch_id, encoding, seed in todo.itertuples(index=False):
        log.check(arch_id, seed, partial(result_problem, job, space, encoding, splits))
    task = f"{job.space} ground truth {options.shard + 1}/{options.shards}"
    rows, longest, deadline = [], 0.0, Deadline.of(start_time(), options.limit_minutes)
    with now.phase("train"), Progress(task, "stand-alone trainings", len(todo), options.progress) as progress:
        for done, (arch_id, encoding, seed) in enumerate(todo.itertuples(index=False), start=1):
            result = log.get(arch_id, seed)
            if result is None:
                if deadline.over(needed=longest):
                    raise Stopped(f"stopped after {done - 1} of {len(todo)} trainings, because its time limit is near")
                start = time.monotonic()
                result = train_standalone(job, space, space.parse(encoding), seed, splits, evaluator)
                took = time.monotonic() - start
                log.add(arch_id, seed, result, took)
                longest = max(longest, took)
            rows.append({"arch_id": arch_id, "seed": seed, **vars(result)})
            progress.update(done)
    table = pd.DataFrame(rows).astype({"accuracy": float, "diverged_at": "Int64"})
    write_table(options.output, table)
    now.write_timing(earlier=log.earlier, trainings=len(table))
    log.discard()


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "output"):
        work(options)


if __name__ == "__main__":
    program.run(main)
