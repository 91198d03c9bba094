"""Random search on a trained super-net; the best-scored architectures are trained stand-alone like the ground truth."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STARTED = time.time()

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import pandas as pd  # noqa: E402

from supernet import cli, session, spaces  # noqa: E402
from supernet.build import load_supernet  # noqa: E402
from supernet.files import read_json, write_json, write_table  # noqa: E402
from supernet.jobs import SearchJob  # noqa: E402
from supernet.metrics import truth_rank  # noqa: E402
from supernet.progress import Progress  # noqa: E402
from supernet.rng import stream  # noqa: E402
from supernet.score import Evaluator  # noqa: E402
from supernet.search.random_search import random_search  # noqa: E402
from supernet.truth import train_standalone  # noqa: E402

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
    parser.add_argument("--task", required=True, help="name of the search in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="found architectures to write (Parquet)")
    parser.add_argument("--cost", type=Path, required=True, help="cost of the search to write (JSON)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    job = session.read_config(options.config, SearchJob)
    now = session.open_session(options, STARTED)
    if read_json(options.summary)["status"] == "diverged":
        print(f"{options.task}: the super-net diverged: nothing to search with")
        write(options, now, [], 0)
        return
    run, space = job.run, spaces.load(job.run.space)
    splits = now.splits(run.data, run.study_seed)
    evaluator = Evaluator(splits, run.scoring, run.protocol.channels_last)
    network = load_supernet(run, space, splits, options.weights)
    mode = evaluator.modes(network)[0]
    drawn = job.search.architectures
    with now.phase("search"), Progress(options.task, "random search", drawn, options.progress) as progress:
        count = 0

        def score(arch: object) -> tuple[float, float]:
            nonlocal count
            count += 1
            progress.update(count)
            return evaluator.evaluate(network, arch, mode, "scoring")

        ranked = random_search(space, score, drawn, stream(run.seed, "search"))
    truths = pd.read_parquet(options.pool)["truth"].dropna().to_numpy()
    rows = []
    best = ranked[: job.search.retrain]
    with now.phase("retrain"), Progress(options.task, "stand-alone", len(best), options.progress) as progress:
        for rank, found in enumerate(best, start=1):
            result = train_standalone(job.truth, space, found.arch, run.seed, splits, evaluator)
            truth = float("nan") if result.accuracy is None else result.accuracy
            rows.append(
                {
                    "rank": rank,
                    "arch_id": found.arch_id,
                    "encoding": space.format(found.arch),
                    "score": found.accuracy,
                    "truth": truth,
                    "truth_quantile": quantile(result.accuracy, truths),
                    "parameters": result.parameters,
                    "macs": result.macs,
                }
            )
            progress.update(rank)
    write(options, now, rows, len(splits.scoring) * drawn)


def quantile(accuracy: float | None, truths: npt.NDArray[np.float64]) -> float:
    """r/N: the rank from the top that an accuracy would have in the pool, as a share of it."""
    return float("nan") if accuracy is None else truth_rank(accuracy, truths) / len(truths)


def write(options: argparse.Namespace, now: session.Session, rows: list[dict[str, object]], images: int) -> None:
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    write_table(options.output, table)
    job = session.read_config(options.config, SearchJob)
    drawn = job.search.architectures if rows else 0
    write_json(options.cost, {"architectures": drawn, "images": images, "forward_passes": images})
    now.write_timing(architectures=drawn)


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    with cli.open_log(options.log):
        work(options)


if __name__ == "__main__":
    cli.run(main)
