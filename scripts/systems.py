"""Some search systems of one space and seed, each on a super-net of its own and the same budget; what they find.

A job that is killed goes on where it was: systems that are over are not repeated, and that at work has a checkpoint.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supernet import spaces
from supernet.config.jobs import SystemsJob
from supernet.io.atomic import write_table
from supernet.runtime import program
from supernet.runtime.lock import sole_writer
from supernet.runtime.progress import Progress
from supernet.runtime.startup import start_time
from supernet.runtime.stopping import Deadline, Stopping
from supernet.search.build import make_problem
from supernet.search.ground_truth import ground_truth_of
from supernet.search.results import FinishedSearches, rows, table
from supernet.search.system import Outcome, System, run_search
from supernet.search.systems import make_system
from supernet.training import session
from supernet.training.checkpoint import Checkpoint
from supernet.training.evaluator import Evaluator


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    session.add_arguments(parser)
    session.add_limit(parser)
    parser.add_argument("--state", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--checkpoint-seconds", type=float, default=30.0, help="between two checkpoints")
    parser.add_argument("--pool", type=Path, required=True, help="pool with ground truth, for the quantiles")
    parser.add_argument("--table", type=Path, nargs="?", help="published table in which finds are looked up instead")
    parser.add_argument("--task", required=True, help="name of the job in progress lines")
    parser.add_argument("--output", type=Path, required=True, help="found architectures and costs to write (Parquet)")
    return parser.parse_args(arguments)


def work(options: argparse.Namespace) -> None:
    job = session.read_config(options.config, SystemsJob)
    now = session.open_session(options, start_time())
    space = spaces.load(job.run.own_space)
    splits = now.splits(job.run.data, job.run.study_seed)
    evaluator = Evaluator(splits, job.run.scoring, job.run.protocol.channels_last, job.run.seed, space.format)
    ground_truth = ground_truth_of(job.truth, space, job.run.seed, splits, evaluator, options.table, options.pool)
    (names,) = job.searches.systems.values()
    found: list[dict[str, Any]] = []
    seconds: dict[str, float] = {}
    peaks: dict[str, int | None] = {}
    earlier = 0.0
    with Stopping(Deadline.of(start_time(), options.limit_minutes)) as stopping:
        for name in names:
            config = job.model_copy(update={"searches": job.searches.part(str(job.run.space), (name,))})
            fingerprint = now.fingerprint(config.model_dump_json())
            finished = FinishedSearches(options.state, fingerprint)
            known = finished.load(name)
            if known is not None:
                earlier += known[1]["seconds"]
            else:
                checkpoint = checkpoint_of(options, name, fingerprint)
                system = make_system(name, make_problem(job, space, splits, ground_truth), job.searches)
                with now.phase("search"):
                    outcome = one(system, checkpoint, job.searches.images, options, stopping)
                earlier += checkpoint.earlier
                with now.phase("worth"):
                    known = rows(name, outcome, space, ground_truth, job.searches.finds), timing_of(outcome)
                finished.save(name, *known)
            found += known[0]
            seconds[name], peaks[name] = known[1]["seconds"], known[1]["peak_bytes"]
    write_table(options.output, table(found))
    now.write_timing(earlier=earlier, systems_seconds=seconds, peak_bytes=peaks)
    for name in names:
        checkpoint_of(options, name, "").discard()
        FinishedSearches(options.state, "").discard(name)


def one(
    system: System[Any], checkpoint: Checkpoint, images: int | None, options: argparse.Namespace, stopping: Stopping
) -> Outcome:
    """Run one system to its end; `images` are those of its budget, None where that is of time."""
    total, unit = (1_000, 0) if images is None else (images, 1)
    with Progress(options.task, system.name, total, options.progress, unit_images=unit) as progress:
        return run_search(system, checkpoint, lambda spent: progress.update(int(min(spent, 1.0) * total)), stopping)


def checkpoint_of(options: argparse.Namespace, name: str, fingerprint: str) -> Checkpoint:
    """The checkpoint of a system."""
    return Checkpoint(options.state / f"{name}.safetensors", fingerprint, options.checkpoint_seconds)


def timing_of(outcome: Outcome) -> dict[str, Any]:
    """What depends on the machine."""
    return {"seconds": round(outcome.cost.seconds, 3), "peak_bytes": outcome.peak_bytes}


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    with program.open_log(options.log, append=True), sole_writer(options.lock):
        work(options)


if __name__ == "__main__":
    program.run(main)
