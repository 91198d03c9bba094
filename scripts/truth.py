"""Make one shard of the ground truth of a pool, where no published table fits the data of the study.

Stand-alone trainings that are in the store are taken over; the others are trained, and added to it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from supernet import spaces
from supernet.config.jobs import TruthJob
from supernet.io.atomic import publish
from supernet.io.parquet import parquet_bytes
from supernet.pools.file import read_pool
from supernet.pools.trainings import Training, trainings
from supernet.provenance.recorder import note_config, package_versions, recording_apart
from supernet.runtime import program
from supernet.runtime.arguments import natural, positive
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline
from supernet.training import session
from supernet.training.store.truth import COLUMNS, TruthStore

COUNTS = ("seeds", "repeated", "shard", "shards")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    session.add_limit(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for the log of finished trainings")
    parser.add_argument("--store", type=Path, required=True, help="folder of finished trainings that studies share")
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
    """Complete the store, and write one row per training of this shard."""
    job = session.read_config(options.config, TruthJob)
    config = {"job": job.model_dump(mode="json"), **{name: getattr(options, name) for name in COUNTS}}
    note_config(config)
    space = spaces.load(job.space)
    read_pool(options.pool, space)  # refuses a pool that is not valid
    every = trainings(options.pool, options.seeds, options.repeated)
    todo = every[options.shard :: options.shards]
    store = TruthStore(options.store, job, options.data)
    # The shard is put together without torch. Its record is the same whether or not this process trains as well.
    packages = package_versions()
    log = options.state / "trainings.jsonl"
    if log.exists() or any(store.get(one) is None for one in todo):
        now, trained, earlier = train(options, job, todo, store, log)
    else:
        now, trained, earlier = session.without_torch(options, start_time()), 0, 0.0
    with recording_apart(config, [options.data, options.pool, *store.parts(todo)], packages):
        write_shard(options.output, todo, store)
    print(f"{options.output}: {trained} trainings, {len(todo) - trained} taken over from {options.store}")
    now.write_timing(earlier=earlier, trainings=trained, taken_over=len(todo) - trained)
    log.unlink(missing_ok=True)


def train(
    options: argparse.Namespace, job: TruthJob, todo: Sequence[Training], store: TruthStore, log_file: Path
) -> tuple[session.Session, int, float]:
    """Train what the store lacks; return the session, the number of trainings and the seconds of killed processes."""
    now = session.open_session(options, start_time())
    from supernet.training.standalone import TruthLog
    from supernet.training.truth_shard import TruthShard

    log = TruthLog(log_file, now.fingerprint(job.model_dump_json(), pool=options.pool))
    shard = TruthShard(now, job, spaces.load(job.space), todo, store, log)
    task = f"{job.space} ground truth {options.shard + 1}/{options.shards}"
    shard.run(task, options.progress, Deadline.of(start_time(), options.limit_minutes))
    return now, shard.trained, log.earlier


def write_shard(path: Path, todo: Sequence[Training], store: TruthStore) -> None:
    """Write the results of trainings, all of which are in the store."""
    rows = [{**one._asdict(), **asdict(store.result(one))} for one in todo]
    kinds = {"arch_id": "text", "seed": "integers", **COLUMNS.values}
    columns = {name: (kind, [row[name] for row in rows]) for name, kind in kinds.items()}
    with publish(path) as temporary:
        temporary.write_bytes(parquet_bytes(columns))


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "output"):
        work(options)


if __name__ == "__main__":
    program.run(main)
