"""Put the ground truth of a pool together: mean and single seeds, parameters, multiply-adds."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from supernet import cli
from supernet.files import write_table
from supernet.pools import with_truth


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pool", type=Path, required=True, help="Parquet file of scripts/pool.py")
    parser.add_argument("--trainings", type=Path, nargs="+", required=True, help="files of scripts/truth.py")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--log", type=Path, help="log file")
    options = parser.parse_args(arguments)
    with cli.open_log(options.log):
        results = pd.concat([pd.read_parquet(path) for path in options.trainings], ignore_index=True)
        table = with_truth(pd.read_parquet(options.pool), results)
        write_table(options.output, table)
        print(f"{options.output}: {len(table)} architectures, {int(results['accuracy'].isna().sum())} diverged")


if __name__ == "__main__":
    cli.run(main)
