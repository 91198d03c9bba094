"""After a Snakemake on a cluster was killed: look after the jobs that it left behind, unlock, and go on."""

import argparse
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from supernet.errors import UserError
from supernet.runtime import program, slurm
from supernet.runtime.lock import Pace, sole_writer

ROOT = Path(__file__).absolute().parent.parent
SNAKEMAKE = (sys.executable, "-m", "snakemake")


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our options, and Snakemake's, which stand behind `--`."""
    ours = list(takewhile(lambda argument: argument != "--", arguments))
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="What follows -- is Snakemake's command line: resume.py --wait -- --profile slurm"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--wait", action="store_true", help="let the jobs finish: nothing of their work is lost")
    what.add_argument("--cancel", action="store_true", help="end them; trainings go on from their checkpoints")
    parser.add_argument("--state", type=Path, default=Path("state"), help="as in config.yaml (default: %(default)s)")
    return parser.parse_args(ours), list(arguments[len(ours) + 1 :])


@contextlib.contextmanager
def no_controller(state: Path) -> Iterator[None]:
    """No Snakemake is at work on a study of this folder, nor starts meanwhile; UserError if one is.

    Of one on another machine only its heartbeat can tell: three minutes without one mean that it is dead.
    """
    with contextlib.ExitStack() as claims:
        for folder in sorted(state.glob("*/locks/workflow")):
            claims.enter_context(sole_writer(folder, Pace(wait=0)))
        yield


def settle(options: argparse.Namespace) -> None:
    """Show the orphans, and wait for their end or bring it about; UserError if there are some and neither was asked."""
    jobs = slurm.find(ROOT)
    if not jobs:
        print("No job of a former Snakemake is left in the queue.")
        return
    print(f"{len(jobs)} jobs of a former Snakemake are still in the queue:", *jobs, sep="\n")
    if not options.wait and not options.cancel:
        raise UserError(
            "what is to become of these jobs? Expected --wait (nothing is lost) or --cancel (trainings save first); "
            "with make: ORPHANS=wait or ORPHANS=cancel"
        )
    if options.cancel:
        slurm.cancel(jobs)
    slurm.wait(ROOT, lambda line: print(line, flush=True))


def unlock(arguments: Sequence[str]) -> None:
    """Remove the lock that the killed Snakemake left."""
    result = subprocess.run([*SNAKEMAKE, "--unlock", *arguments], capture_output=True, text=True)
    if result.returncode:
        raise UserError(f"snakemake --unlock failed: {result.stdout}{result.stderr}")


def main(arguments: Sequence[str]) -> None:
    """Ends by becoming Snakemake."""
    options, theirs = parse(arguments)
    os.chdir(ROOT)
    with program.open_log(None), no_controller(options.state):
        settle(options)
        unlock(theirs)
    print("Going on: snakemake", *theirs, flush=True)
    # Outputs of jobs that were cut off are made again.
    os.execv(sys.executable, [*SNAKEMAKE, "--rerun-incomplete", *theirs])


if __name__ == "__main__":
    program.run(main)
