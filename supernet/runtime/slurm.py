"""SLURM tasks that Snakemake does not do: signals to the job's program, and jobs left in the queue after a kill."""

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from supernet.errors import UserError

_FIELDS = "%A|%i|%T|%M|%k|%Z"
"""Format of squeue: job number, the same with array and task, state, time used, comment, working folder."""
_SECONDS = 60
"""Time limit of a command: a busy controller answers late."""


@dataclass(frozen=True)
class QueuedJob:
    """A job of Snakemake's SLURM plugin that has not ended."""

    number: str
    """SLURM's number; each task of an array has its own."""
    shown: str
    """The number that squeue prints: `123`, or `120_3` for a task of an array."""
    state: str
    used: str
    rule: str
    """Rule and wildcards in the plugin's comment; for an array those of its first task."""

    def __str__(self) -> str:
        return f"{self.shown:>12}  {self.state:<10}  {self.used:>12}  {self.rule}"


def find_jobs(folder: Path) -> list[QueuedJob]:
    """Return this user's jobs that Snakemake submitted from the folder; raises UserError if SLURM does not answer."""
    answer = _slurm("squeue", "--noheader", f"--user={getpass.getuser()}", f"--format={_FIELDS}")
    rows = [line.split("|", maxsplit=5) for line in answer.splitlines()]
    return [
        QueuedJob(number, shown, state, used, comment.removeprefix("rule_").replace("_wildcards_", " "))
        for number, shown, state, used, comment, place in rows
        # Comments of Snakemake's plugin; other jobs may have been submitted from the same folder.
        if comment.startswith(("rule_", "group_")) and Path(place).resolve() == folder.resolve()
    ]


def cancel_jobs(jobs: Sequence[QueuedJob]) -> None:
    """Ask SLURM to end jobs; trainings save their state first. They have ended when `find_jobs` omits them."""
    _slurm("scancel", *(job.number for job in jobs))


def wait_for_jobs(folder: Path, report: Callable[[str], None], poll: float = 5.0) -> None:
    """Wait until the folder has no jobs left; `report` is called with a line whenever their number changes."""
    left = -1
    while jobs := find_jobs(folder):
        if len(jobs) != left:
            left = len(jobs)
            report(f"still in the queue: {left} ({', '.join(job.shown for job in jobs[:8])}{', …' * (left > 8)})")
        time.sleep(poll)


def forward_signal(number: signal.Signals) -> None:
    """From now on, send the signal to the children of this process as well, whatever handler it has here.

    SLURM signals the first process of a step only. Python's wake-up descriptor sees a signal only if a Python handler
    is set for it. Call this function from the main thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_forward, args=(reading, number), name="signals", daemon=True).start()


def _forward(descriptor: int, number: signal.Signals) -> None:
    while received := os.read(descriptor, 16):
        if number in received:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, number)


def _children() -> list[int]:
    """Return the process ids of this process's children, whichever thread started them."""
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread has ended
            found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found


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
