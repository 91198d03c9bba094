"""Compute zero-cost proxies of a pool, or of its first architectures: scores of untrained networks."""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

from supernet import spaces
from supernet.config.jobs import ProxiesJob
from supernet.io.parquet import write_rows
from supernet.pools.file import first_drawn, read_pool
from supernet.runtime import program
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.training import session
from supernet.training.build import build_untrained
from supernet.training.proxies import first_images, proxies


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--pool", type=Path, required=True, help="Parquet file of scripts/pool.py")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write, one row per architecture")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Compute the proxies, averaged over seeds, and write one row per architecture."""
    job = session.read_config(options.config, ProxiesJob)
    now = session.open_session(options, start_time())
    space, splits = spaces.load(job.space), now.splits(job.data, job.study_seed)
    images = first_images(splits, job.proxies.images)
    first = first_drawn(options.pool, job.proxies.architectures)
    pool = [(arch_id, arch) for arch_id, arch in read_pool(options.pool, space) if arch_id in first]
    rows = []
    with (
        now.phase("proxies"),
        Progress(f"{job.space} proxies", "architectures", len(pool), options.progress) as progress,
    ):
        for done, (arch_id, arch) in enumerate(pool, start=1):
            networks = (build_untrained(job, space, arch, seed, splits) for seed in range(job.proxies.seeds))
            found = [proxies(network, images, job.proxies.names) for network in networks]
            means = {name: statistics.fmean(seed[name] for seed in found) for name in found[0]}
            rows.append({"arch_id": arch_id, **means})
            progress.update(done)
    write_rows(options.output, rows)
    now.write_timing(architectures=len(rows))


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "output"):
        work(options)


if __name__ == "__main__":
    program.run(main)
