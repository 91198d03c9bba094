"""Jobs in SLURM's queue that a Snakemake submitted from a folder, and what can be done about them."""

import getpass
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from supernet.errors import UserError

_FIELDS = "%A|%i|%T|%M|%k|%Z"
"""Of squeue: number of the job, the same with array and task, state, time used, comment, working folder."""
_SECONDS = 60
"""Limit of a call: a busy controller answers late."""


@dataclass(frozen=True)
class Job:
    """A job of Snakemake's SLURM plugin that has not ended."""

    number: str
    """SLURM's own number, which each task of an array has as well."""
    shown: str
    """How squeue calls it: `123`, or `120_3` for a task of an array."""
    state: str
    used: str
    rule: str
    """Rule and wildcards, as far as the plugin says: of an array those of its first task."""

    def __str__(self) -> str:
        return f"{self.shown:>12}  {self.state:<10}  {self.used:>12}  {self.rule}"


def find(folder: Path) -> list[Job]:
    """Jobs of this user that Snakemake submitted from the folder; UserError if SLURM does not answer."""
    answer = _slurm("squeue", "--noheader", f"--user={getpass.getuser()}", f"--format={_FIELDS}")
    rows = [line.split("|", maxsplit=5) for line in answer.splitlines()]
    return [
        Job(number, shown, state, used, comment.removeprefix("rule_").replace("_wildcards_", " "))
        for number, shown, state, used, comment, place in rows
        # The plugin's comments; other jobs that were submitted from here are none of ours.
        if comment.startswith(("rule_", "group_")) and Path(place).resolve() == folder.resolve()
    ]


def cancel(jobs: Sequence[Job]) -> None:
    """Ask SLURM to end jobs; trainings save their state first. They are over when `find` no longer finds them."""
    _slurm("scancel", *(job.number for job in jobs))


def wait(folder: Path, say: Callable[[str], None], poll: float = 5.0) -> None:
    """Wait until none is left, and say how many are whenever that changes; for as long as it takes."""
    left = -1
    while jobs := find(folder):
        if len(jobs) != left:
            left = len(jobs)
            say(f"waiting for {left} of them ({', '.join(job.shown for job in jobs[:8])}{', …' * (left > 8)})")
        time.sleep(poll)


def _slurm(program: str, *arguments: str) -> str:
    if shutil.which(program) is None:
        raise UserError(f"{program}: not found; expected SLURM's commands: start this on the cluster's login node")
    try:
        answer = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise UserError(f"{program}: no answer within {_SECONDS} s; try again when SLURM's controller is up") from None
    if answer.returncode:
        raise UserError(f"{program}: {answer.stderr.strip() or answer.returncode}; try again when SLURM answers")
    return answer.stdout
