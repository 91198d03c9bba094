"""Assemble the ground truth of a pool from trainings or from a published table: mean, single seeds, costs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from supernet import spaces
from supernet.io.atomic import write_table
from supernet.io.parquet import read_table
from supernet.pools.file import read_pool
from supernet.pools.truth import with_published, with_truth
from supernet.provenance.recorder import note_config
from supernet.published.table import PublishedTable
from supernet.runtime import program


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", required=True, help="search space")
    parser.add_argument("--pool", type=Path, required=True, help="Parquet file of scripts/pool.py")
    parser.add_argument("--trainings", type=Path, nargs="*", default=[], help="files of scripts/truth.py")
    parser.add_argument("--table", type=Path, nargs="?", help="or a published table (file of scripts/published.py)")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--log", type=Path, help="log file")
    options = parser.parse_args(arguments)
    if bool(options.trainings) == bool(options.table):
        parser.error("expected either --trainings or --table")
    with program.open_log(options.log):
        note_config({"space": options.space})
        space = spaces.load(options.space)
        read_pool(options.pool, space)  # refuses a pool that is not valid
        pool = read_table(options.pool)
        if options.table:
            table = with_published(pool, PublishedTable.load(options.table), space)
            source = f"ground truth of {options.table}"
        else:
            results = pd.concat([read_table(path) for path in options.trainings], ignore_index=True)
            table = with_truth(pool, results)
            source = f"{int(results['accuracy'].isna().sum())} diverged"
        write_table(options.output, table)
        print(f"{options.output}: {len(table)} architectures, {source}")


if __name__ == "__main__":
    program.run(main)
