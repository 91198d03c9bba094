"""Draw a pool of different architectures, uniform over their space.

With a published table they are drawn from the table, so that each has a ground truth. The size `all` takes all
architectures of the table that are a uniform sample of the space.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from supernet import spaces
from supernet.errors import UserError
from supernet.io.atomic import write_table
from supernet.pools.draw import draw_pool, draw_published, expect_trained, pool_stream, stratified
from supernet.pools.file import read_arch_ids
from supernet.provenance.recorder import note_config
from supernet.published.table import PublishedTable
from supernet.runtime import program
from supernet.runtime.arguments import natural, positive
from supernet.spaces.darts.encoding import Concat


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", required=True, help="search space, or a sub-space such as nasbench101-constant-2")
    parser.add_argument(
        "--size", type=_size, required=True, help="architectures, intervals of a stratified pool, or `all` of a table"
    )
    parser.add_argument(
        "--law", choices=("uniform", "stratified"), default="uniform", help="how architectures are chosen"
    )
    parser.add_argument("--study-seed", type=natural, required=True, help="seed of the random stream")
    parser.add_argument("--landmarks", action="store_true", help="draw landmarks, from a separate random stream")
    parser.add_argument("--run-seed", type=natural, nargs="?", help="run seed, if each run has a separate pool")
    parser.add_argument(
        "--darts-concat", choices=get_args(Concat), default="loose_ends", help="what the trained genotypes concatenate"
    )
    parser.add_argument("--exclude", type=Path, nargs="*", default=[], help="pools whose architectures are excluded")
    parser.add_argument("--table", type=Path, nargs="?", help="published table (Parquet file of scripts/published.py)")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write: arch_id, encoding, drawn")
    parser.add_argument("--log", type=Path, help="log file")
    return parser.parse_args(arguments)


def _size(text: str) -> int | str:
    return text if text == "all" else positive(text)


def work(options: argparse.Namespace) -> None:
    """Draw the pool and write it."""
    names = ["space", "size", "law", "study_seed", "landmarks", "run_seed"]
    names += ["darts_concat"] * (options.darts_concat != "loose_ends")
    note_config({name: getattr(options, name) for name in names})
    space = spaces.load(options.space, options.darts_concat)
    rng = pool_stream(space, options.study_seed, options.landmarks, options.run_seed)
    exclude = frozenset(arch_id for path in options.exclude for arch_id in read_arch_ids(path))
    whole = options.size == "all"
    if whole and options.law == "stratified":
        raise UserError("--size all: a stratified pool has a number of intervals; expected a number, or --law uniform")
    if options.table is None:
        for wanted, name in ((options.law == "stratified", "--law stratified"), (whole, "--size all")):
            if wanted:
                raise UserError(f"{name}: needs the accuracies of a published table: give --table")
        pool = draw_pool(space, options.size, rng, exclude)
    else:
        table = PublishedTable.load(options.table, ["arch_id", "encoding", "uniform", "test_acc"])
        if options.law == "stratified":
            pool = stratified(table, space, options.size)
        else:
            pool = draw_published(table, space, None if whole else options.size, rng, exclude)
        expect_trained(options.table, space, pool["encoding"].tolist())
    write_table(options.output, pool)
    print(f"{options.output}: {len(pool)} architectures of {options.space}")


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with program.open_log(options.log):
        work(options)


if __name__ == "__main__":
    program.run(main)
