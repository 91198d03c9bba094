"""Compute the metrics of all runs of a study with intervals, reference predictors, and facts of each pool."""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from supernet import spaces
from supernet.config.artifacts import Artifacts
from supernet.config.datasets import DATASETS
from supernet.config.jobs import METRICS_SECTIONS
from supernet.config.pool_name import PoolName
from supernet.config.splits import Sizes
from supernet.config.study import Study, load_study
from supernet.data.sizes import file_sizes
from supernet.io.atomic import write_json, write_table
from supernet.io.parquet import read_table
from supernet.metrics.alone import BASELINE, accuracies
from supernet.metrics.population import population_of
from supernet.metrics.replicates import published_replicates
from supernet.metrics.study_metrics import REFERENCES, PoolTruth, measure_run
from supernet.provenance.recorder import note_config, note_input
from supernet.published.table import PublishedTable
from supernet.runtime import program
from supernet.runtime.arguments import positive


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study-file", type=Path, required=True, help="the study")
    parser.add_argument("--results", type=Path, required=True, help="results of the study: pools and runs")
    parser.add_argument("--data", type=Path, required=True, help="images: file of scripts/data.py")
    parser.add_argument("--tables", type=Path, nargs="*", default=[], help="published tables used as ground truth")
    parser.add_argument("--further", type=Path, nargs="*", default=[], help="published tables that are further truths")
    parser.add_argument("--proxies", type=Path, nargs="*", default=[], help="proxies of spaces: {space}.parquet")
    parser.add_argument(
        "--standalone", type=Path, nargs="*", default=[], help="unshared networks of spaces: {space}.parquet"
    )
    parser.add_argument("--metrics", type=Path, required=True, help="metrics to write (Parquet)")
    parser.add_argument("--references", type=Path, required=True, help="predictors and ceilings to write (Parquet)")
    parser.add_argument("--spaces", type=Path, required=True, help="facts of the spaces to write (JSON)")
    parser.add_argument("--threads", type=positive, default=1, help="processes")
    parser.add_argument("--log", type=Path, help="log file")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Measure all runs and pools, and write metrics, references and facts of the spaces."""
    study, paths = load_study(options.study_file), Artifacts(str(options.results))
    note_config(study.model_dump(mode="json", include=set(METRICS_SECTIONS)))
    sizes = file_sizes(options.data, study.data)
    tables = [PublishedTable.load(path, ["encoding", "test_acc", "uniform"]) for path in options.tables]
    published = {table.about.space: table for table in tables}
    proxies = {path.stem: read_table(path, "arch_id") for path in options.proxies}
    truths = {
        str(name): pool_truth(study, name, paths, sizes, published, proxies.get(str(name))) for name in study.pools()
    }
    for path in options.standalone:
        truths[str(study.main_pool(path.stem))].alone = unshared(study, path)
    add_further_truths(truths, options.further)
    for run in study.runs():
        # Worker processes read these files; this process writes the records.
        note_input(paths.run(*run).summary)
        note_input(paths.run(*run).scores)
    measure = partial(measure_one, study, truths, paths)
    with ProcessPoolExecutor(options.threads) as pool:
        # In one queue, so that no process is idle while another kind of work finishes.
        of_runs, of_pools = pool.map(measure, study.runs()), pool.map(references_of, truths.values())
        rows, references = ([row for part in found for row in part] for found in (of_runs, of_pools))
    table = pd.DataFrame(rows).astype({"diverged_at": "Int64"})
    write_table(options.metrics, table)
    write_table(options.references, pd.DataFrame(references, columns=list(REFERENCES)).astype(REFERENCES))
    write_json(options.spaces, {name: truth.facts() for name, truth in truths.items()})
    diverged = table.loc[table["status"] == "diverged", ["space", "setting", "seed"]].drop_duplicates()
    print(f"{options.metrics}: {len(list(study.runs()))} runs, {len(diverged)} diverged")


def pool_truth(
    study: Study,
    name: PoolName,
    paths: Artifacts,
    sizes: Sizes,
    published: dict[str, PublishedTable],
    proxies: pd.DataFrame | None,
) -> PoolTruth:
    """Return a pool with its ground truth, and the published population of its space or sub-space if there is one."""
    pool, table = read_table(paths.pool(str(name))), published.get(name.space)
    if table is None:
        return PoolTruth(study, name, pool, sizes, proxies=proxies)
    space = spaces.load(name.own_space)
    population, pairs = population_of(table, space), published_replicates(space, table)
    return PoolTruth(study, name, pool, sizes, population, proxies, pairs)


def add_further_truths(truths: Mapping[str, PoolTruth], paths: Sequence[Path]) -> None:
    """Compare the pools of each table's space with it too; UserError if a table has too few of their architectures."""
    for path in paths:
        table = PublishedTable.load(path, ["test_acc"])
        accuracy = pd.Series(table.test_acc, index=table.data.column("arch_id").to_pylist())
        for truth in truths.values():
            if truth.name.space == table.about.space:
                truth.compare_with(table.about.table, accuracy, table.about.truth)


def unshared(study: Study, path: Path) -> "pd.Series[float]":
    """Return the accuracies, by arch_id, of the networks of scripts/standalone.py with the values of the baseline."""
    rows = read_table(path, "arch_id", "factor", "accuracy")
    return accuracies(rows[rows["factor"] == BASELINE], 1 / DATASETS[study.data.name].classes)


def measure_one(
    study: Study, truths: dict[str, PoolTruth], paths: Artifacts, run: tuple[str, str, int]
) -> list[dict[str, Any]]:
    """Rows of one run, in a worker process."""
    return measure_run(truths[str(study.pool_of(*run))], paths, *run)


def references_of(truth: PoolTruth) -> list[dict[str, Any]]:
    """Return the rows of the predictors and the ceilings of one pool, in a worker process."""
    return list(truth.references())


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with program.open_log(options.log):
        work(options)


if __name__ == "__main__":
    program.run(main)
