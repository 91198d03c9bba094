"""Continue after a Snakemake on a cluster was killed: handle the jobs that it left in the queue, unlock, run again."""

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from supernet.config.artifacts import Artifacts
from supernet.errors import UserError
from supernet.launcher.options import split_config
from supernet.pipeline.workflow_config import WorkflowConfig
from supernet.runtime import program, slurm
from supernet.runtime.checkout import checkout, clone, config_file
from supernet.runtime.lock import LockTiming, sole_writer

_FOLDERS = ("state", "results")
SNAKEMAKE = (sys.executable, "-m", "snakemake")


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our options, and Snakemake's arguments, which follow `--`."""
    ours = list(takewhile(lambda argument: argument != "--", arguments))
    parser = argparse.ArgumentParser(
        prog="supernet resume",
        description=__doc__,
        epilog="Arguments after -- are passed to Snakemake: supernet resume --wait -- --profile slurm",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--wait", action="store_true", help="wait until the jobs have finished: no work is lost")
    what.add_argument("--cancel", action="store_true", help="cancel the jobs; trainings resume from their checkpoints")
    for name in _FOLDERS:
        parser.add_argument(f"--{name}", type=Path, help="folder (default: the one in config.yaml)")
    options, theirs = parser.parse_args(ours), list(arguments[len(ours) + 1 :])
    config, _ = split_config(theirs)
    given = config | {name: str(path) for name in _FOLDERS if (path := getattr(options, name))}
    workflow = WorkflowConfig.read(config_file(), {name: given[name] for name in _FOLDERS if name in given})
    options.state, options.results = Path(workflow.state), Path(workflow.results)
    return options, theirs


@contextlib.contextmanager
def no_controller(state: Path, results: Path) -> Iterator[None]:
    """Hold the locks of all studies, beside states and results, so that no other Snakemake runs them.

    Raises UserError if one does. Only its heartbeat shows whether a Snakemake on another machine runs: it has ended
    after three minutes without one.
    """
    folders = [*state.glob("*/locks/workflow"), *results.glob(f"{Artifacts('*').locks}/workflow")]
    with contextlib.ExitStack() as locks:
        for folder in sorted(folders):
            locks.enter_context(sole_writer(folder, LockTiming(wait=0)))
        yield


def settle(options: argparse.Namespace) -> None:
    """List the orphaned jobs, then wait for or cancel them; UserError if there are any and neither was requested."""
    jobs = slurm.find_jobs(checkout())
    if not jobs:
        print("No job of an earlier Snakemake is left in the queue.")
        return
    print(f"{len(jobs)} jobs of an earlier Snakemake are still in the queue:", *jobs, sep="\n")
    if not options.wait and not options.cancel:
        raise UserError(
            "jobs of an earlier Snakemake are in the queue; expected --wait (no work is lost) or --cancel (trainings "
            "save their state first); with make: ORPHANS=wait or ORPHANS=cancel"
        )
    if options.cancel:
        slurm.cancel_jobs(jobs)
    slurm.wait_for_jobs(checkout(), lambda line: print(line, flush=True))


def unlock(arguments: Sequence[str]) -> None:
    """Remove the lock that the killed Snakemake left in the working directory."""
    result = subprocess.run([*SNAKEMAKE, "--unlock", *arguments], capture_output=True, text=True)
    if result.returncode:
        raise UserError(f"snakemake --unlock failed: {result.stdout}{result.stderr}")


def main(arguments: Sequence[str]) -> None:
    """Settle the orphaned jobs, then replace this process by Snakemake."""
    options, theirs = parse(arguments)
    os.chdir(clone())
    with program.open_log(None), no_controller(options.state, options.results):
        settle(options)
        unlock(theirs)
    print("Starting: snakemake", *theirs, flush=True)
    # Outputs of interrupted jobs are made again.
    os.execv(sys.executable, [*SNAKEMAKE, "--rerun-incomplete", *theirs])
