"""Score the pool of a run with its weights; scores that an earlier job has computed are taken over."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from supernet.config.jobs import ScoringJob
from supernet.config.run_summary import read_summary
from supernet.io.parquet import write_rows
from supernet.pools.file import read_pool
from supernet.provenance.recorder import note_resumption
from supernet.runtime import program
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.spaces.base import Space
from supernet.training import session
from supernet.training.scores import Scores, diverged, rows, wanted
from supernet.training.store.parts import Key, Values


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    parser.add_argument("--pool", type=Path, required=True, help="Parquet file of scripts/pool.py")
    parser.add_argument("--weights", type=Path, required=True, help="weights of the run (safetensors)")
    parser.add_argument("--summary", type=Path, required=True, help="summary of the run (JSON of scripts/train.py)")
    parser.add_argument("--store", type=Path, required=True, help="folder of scores that jobs share")
    parser.add_argument("--task", required=True, help="name of the run in progress lines")
    parser.add_argument("--scores", type=Path, required=True, help="scores to write (Parquet)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Write the scores of the pool."""
    job = session.read_config(options.config, ScoringJob)
    space = job.run.load_space()
    pool = dict(read_pool(options.pool, space))
    scores = wanted(job, list(pool))
    if read_summary(options.summary, job.run)["status"] == "diverged":
        print(f"{options.task}: the training diverged: not scored")
        write_rows(options.scores, rows(scores, diverged))
        session.without_torch(options, start_time()).write_timing(computed=0, taken_over=0)
        return
    known = Scores(job, options.store, options.data, options.weights)
    missing = known.missing(scores)
    now = session.open_session(options, start_time()) if missing else session.without_torch(options, start_time())
    new = _computed(options, job, space, pool, missing, known, now) if missing else {}
    if taken := len(scores) - len(missing):
        time = datetime.now(UTC).isoformat(timespec="seconds")
        note_resumption({"state": known.name, "done": taken, "time": time})
    write_rows(options.scores, rows(scores, lambda key: new.get(key) or known.get(key)))
    now.write_timing(computed=len(new), taken_over=taken)


def _computed(
    options: argparse.Namespace,
    job: ScoringJob,
    space: Space[Any],
    pool: Mapping[str, Any],
    missing: Sequence[Key],
    known: Scores,
    now: session.Session,
) -> dict[Key, Values]:
    # Importing torch takes seconds, and usually the training has computed all scores.
    from supernet.training.build import load_supernet
    from supernet.training.scoring import compute, evaluator_of

    splits = now.splits(job.run.data, job.run.study_seed)
    network = load_supernet(job.run, space, splits, options.weights)
    evaluator = evaluator_of(job.run, job.scoring.evaluation, space, splits)
    with now.phase("score"), Progress(options.task, "scoring", len(missing), options.progress) as progress:
        new: dict[Key, Values] = {}
        for found in compute(evaluator, network, pool, missing, progress):
            known.add(found)
            new |= found
    return new


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "scores", append=False):
        work(options)


if __name__ == "__main__":
    program.run(main)
