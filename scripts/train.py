"""Train the super-net of one run, unless the store has it; a killed job resumes from its checkpoint."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supernet.config.artifacts import CHECKPOINT, aside
from supernet.config.jobs import Ahead
from supernet.config.study import Run
from supernet.io.atomic import read_json, write_json
from supernet.provenance.recorder import note_input, package_versions
from supernet.runtime import program
from supernet.runtime.arguments import positive_number
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline, Stopped
from supernet.training import session
from supernet.training.store.supernets import SupernetStore


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    session.add_limit(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for the checkpoint")
    parser.add_argument(
        "--checkpoint-seconds", type=positive_number, default=30.0, help="seconds between two checkpoints"
    )
    parser.add_argument(
        "--landmarks", type=Path, nargs="?", help="pool with ground truth for the ranking loss, if the setting uses it"
    )
    parser.add_argument("--task", required=True, help="name of the run in progress lines")
    parser.add_argument("--store", type=Path, required=True, help="folder of super-nets and scores that studies share")
    parser.add_argument("--curve", type=Path, required=True, help="training curve to write (Parquet)")
    parser.add_argument("--weights", type=Path, required=True, help="weights to write (safetensors)")
    parser.add_argument("--summary", type=Path, required=True, help="summary of the run to write (JSON)")
    parser.add_argument("--ahead", help="what to score at once for scripts/score.py (JSON)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    """Complete the store, and write curve, weights and summary."""
    run = session.read_config(options.config, Run)
    store = SupernetStore(options.store, run, options.data, options.landmarks)
    # The files of the run are put together without torch. Their records are the same whether or not it trains as well.
    packages = package_versions()
    timing = _trained(options, run, store)
    store.take_over(options.curve, options.weights, options.summary, packages)
    # Only the timing of the run names that of the store: a digest of its results has no seconds.
    stored = note_input(Path(store.folder.timing))
    if timing is None:
        print(f"{options.task}: taken over from {store.name}")
        now = session.without_torch(options, start_time())
        now.write_timing(taken_over=1, training=read_json(stored))
    elif options.timing is not None:
        write_json(options.timing, timing)
    checkpoint = options.state / CHECKPOINT
    for path in (checkpoint, aside(checkpoint)):
        path.unlink(missing_ok=True)


def _trained(options: argparse.Namespace, run: Run, store: SupernetStore) -> dict[str, Any] | None:
    """Return the timing of the training once the store has the super-net; None if another process has made it.

    While another process trains it, this one waits. Raises Stopped before the time limit.
    """
    deadline = Deadline.of(start_time(), options.limit_minutes)

    def stop_in_time() -> None:
        if deadline.over():
            raise Stopped(f"stopped while another process trained {store.name}, because its time limit is near")

    return store.claim().do_once(store.has, lambda: _train(options, run, store, deadline), stop_in_time)


def _train(options: argparse.Namespace, run: Run, store: SupernetStore, deadline: Deadline) -> dict[str, Any]:
    """Train, and add the super-net to the store, with scores of a small pool; return the timing."""
    ahead = None if options.ahead is None else session.read_option("--ahead", options.ahead, Ahead)
    now = session.open_session(options, start_time())
    # Importing torch takes seconds, and what the store has needs no training.
    from supernet.training.run import Job, RunTraining

    job = Job(
        task=options.task,
        images=options.data,
        landmarks=options.landmarks,
        checkpoint=options.state / CHECKPOINT,
        checkpoint_seconds=options.checkpoint_seconds,
        progress=options.progress,
        deadline=deadline,
    )
    training = RunTraining(now, run, job)
    trained = training.add_to(store)
    if ahead is not None and trained.diverged_at is None:
        training.score(ahead, options.store, Path(store.folder.weights))
    return now.timing(**training.counts(trained))


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    with session.sole_job(options, "curve", "weights", "summary"):
        work(options)


if __name__ == "__main__":
    program.run(main)
