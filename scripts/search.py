"""Random search on a trained super-net; the best-scored architectures are trained stand-alone like the ground truth.

Where ground truth is published, the table's architectures are searched, and their accuracies looked up.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from supernet import spaces
from supernet.config.jobs import SearchJob
from supernet.io.atomic import read_json, write_json, write_table
from supernet.provenance.recorder import note_input
from supernet.rng import stream
from supernet.runtime import program
from supernet.runtime.lock import sole_writer
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.search.ground_truth import ground_truth_of, quantile
from supernet.search.random_search import random_search
from supernet.training import session
from supernet.training.build import load_supernet
from supernet.training.evaluator import Evaluator

COLUMNS: dict[str, Any] = {
    "rank": "int64",
    "arch_id": "str",
    "encoding": "str",
    "score": "float64",
    "truth": "float64",
    "truth_quantile": "float64",
    "parameters": "int64",
    "macs": "int64",
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--weights", type=Path, required=True, help="weights of the run (safetensors)")
    parser.add_argument("--summary", type=Path, required=True, help="outcome of the run (JSON of scripts/train.py)")
    parser.add_argument("--pool", type=Path, required=True, help="pool with ground truth, for the quantiles")
    parser.add_argument("--table", type=Path, nargs="?", help="published table that is searched and looked up instead")
    parser.add_argument("--task", required=True, help="name of the search in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="found architectures to write (Parquet)")
    parser.add_argument("--cost", type=Path, required=True, help="cost of the search to write (JSON)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    job = session.read_config(options.config, SearchJob)
    now = session.open_session(options, start_time())
    if read_json(note_input(options.summary))["status"] == "diverged":
        print(f"{options.task}: the super-net diverged: nothing to search with")
        write(options, now, [], 0)
        return
    run, space = job.run, spaces.load(job.run.own_space)
    splits = now.splits(run.data, run.study_seed)
    evaluator = Evaluator(splits, run.scoring, run.protocol.channels_last, run.seed, space.format)
    network = load_supernet(run, space, splits, options.weights)
    bn_mode = evaluator.bn_modes(network)[0]
    ground_truth = ground_truth_of(job.truth, space, run.seed, splits, evaluator, options.table, options.pool)
    drawn = job.search.architectures
    with now.phase("search"), Progress(options.task, "random search", drawn, options.progress) as progress:
        count = 0

        def score(arch: object) -> tuple[float, float]:
            nonlocal count
            count += 1
            progress.update(count)
            return evaluator.evaluate(network, arch, bn_mode, run.scoring.ranked_on)

        ranked = random_search(space, score, drawn, stream(run.seed, "search"), draw=ground_truth.draw)
    best = ranked[: job.search.retrain]
    with now.phase("retrain"), Progress(options.task, "stand-alone", len(best), options.progress) as progress:
        results = []
        for done, one in enumerate(best, start=1):
            result = ground_truth.result(one.arch)
            # What is drawn has a ground truth; a lost one would make the rows below unequal.
            results += [] if result is None else [result]
            progress.update(done)
    rows = [
        {
            "rank": rank,
            "arch_id": found.arch_id,
            "encoding": space.format(found.arch),
            "score": found.accuracy,
            "truth": float("nan") if result.accuracy is None else result.accuracy,
            "truth_quantile": quantile(result.accuracy, ground_truth.population.truth),
            "parameters": result.parameters,
            "macs": result.macs,
        }
        for rank, (found, result) in enumerate(zip(best, results, strict=True), start=1)
    ]
    write(options, now, rows, len(getattr(splits, run.scoring.ranked_on)) * drawn)


def write(options: argparse.Namespace, now: session.Session, rows: list[dict[str, object]], images: int) -> None:
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    write_table(options.output, table)
    job = session.read_config(options.config, SearchJob)
    drawn = job.search.architectures if rows else 0
    write_json(options.cost, {"architectures": drawn, "images": images, "forward_passes": images})
    now.write_timing(architectures=drawn)


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    with program.open_log(options.log), sole_writer(options.lock):
        work(options)


if __name__ == "__main__":
    program.run(main)
