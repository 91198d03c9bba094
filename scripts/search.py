"""Search at random on a trained super-net; the architectures with the best scores are trained stand-alone.

They are trained like the ground truth. If it is published, the table's architectures are searched, and their accuracies
looked up.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from supernet.config.jobs import SearchJob
from supernet.config.run_summary import read_summary
from supernet.io.atomic import write_json, write_table
from supernet.provenance.recorder import note_input
from supernet.runtime import program
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.search.ground_truth import ground_truth_of
from supernet.search.scored_search import COLUMNS, best_scored, found_rows
from supernet.training import session
from supernet.training.build import load_supernet
from supernet.training.evaluator import Evaluator


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--weights", type=Path, required=True, help="weights of the run (safetensors)")
    parser.add_argument("--summary", type=Path, required=True, help="summary of the run (JSON of scripts/train.py)")
    parser.add_argument("--pool", type=Path, required=True, help="pool with ground truth, for the quantiles")
    parser.add_argument("--table", type=Path, nargs="?", help="published table that is searched and looked up instead")
    parser.add_argument("--store", type=Path, required=True, help="folder of finished trainings that studies share")
    parser.add_argument("--task", required=True, help="name of the search in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="found architectures to write (Parquet)")
    parser.add_argument("--cost", type=Path, required=True, help="cost of the search to write (JSON)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Search, train or look up the best architectures, and write them with the cost of the search."""
    job = session.read_config(options.config, SearchJob)
    now = session.open_session(options, start_time())
    rows, images = [], 0
    if read_summary(options.summary, job.run)["status"] == "diverged":
        print(f"{options.task}: the super-net diverged, so that no search is made")
    else:
        run, space = job.run, job.run.load_space()
        splits = now.splits(run.data, run.study_seed)
        evaluator = Evaluator(splits, job.ranking, run.protocol.channels_last, run.seed, space.format)
        network = load_supernet(run, space, splits, options.weights)
        truth = ground_truth_of(job.truth, space, run.seed, splits, options)
        images = len(getattr(splits, job.ranking.split)) * job.search.architectures
        drawn = job.search.architectures
        with now.phase("search"), Progress(options.task, "random search", drawn, options.progress) as progress:
            best = best_scored(job, space, network, evaluator, truth, progress)
        if not best:
            print(f"{options.task}: a score is not finite: the super-net diverged, so that no search is made")
        with now.phase("retrain"), Progress(options.task, "stand-alone", len(best), options.progress) as progress:
            rows = found_rows(best, truth, space, progress)
        for path in truth.origins((row["arch_id"], row["encoding"]) for row in rows):
            note_input(path)
    write_table(options.output, pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS))
    searched = job.search.architectures if rows else 0
    write_json(options.cost, {"architectures": searched, "images": images, "forward_passes": images})
    now.write_timing(architectures=searched)


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "output", "cost", append=False):
        work(options)


if __name__ == "__main__":
    program.run(main)
