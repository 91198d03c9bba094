"""Draw the pool of a space: different architectures, uniform over the space, the same for all runs of a study.

With a published table they are drawn from it, so that each has a ground truth.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from supernet import cli, spaces
from supernet.files import write_table
from supernet.pools import draw_pool, draw_published
from supernet.published.table import PublishedTable


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", required=True, help="search space")
    parser.add_argument("--size", type=int, required=True, help="architectures")
    parser.add_argument("--study-seed", type=int, required=True, help="seed of the stream `pool`")
    parser.add_argument("--table", type=Path, nargs="?", help="published table (Parquet file of scripts/published.py)")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write: arch_id, encoding")
    parser.add_argument("--log", type=Path, help="log file")
    options = parser.parse_args(arguments)
    with cli.open_log(options.log):
        if options.table is None:
            pool = draw_pool(spaces.load(options.space), options.size, options.study_seed)
        else:
            table = PublishedTable.load(options.table, ["arch_id", "encoding", "uniform"])
            pool = draw_published(table, options.size, options.study_seed)
        write_table(options.output, pool)
        print(f"{options.output}: {len(pool)} architectures of {options.space}")


if __name__ == "__main__":
    cli.run(main)
