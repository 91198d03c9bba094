"""Identifies a process on any node, and finds out whether it still runs: here by /proc or ps, elsewhere by SLURM."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from supernet.io.writers import machine, start_of
from supernet.provenance.closure import ROOT

_ALIVE = {"RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
"""States of a SLURM job (`man squeue`) in which its processes may exist. A job in state PENDING was requeued."""
_ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}
"""States in which SLURM has ended its processes; not NODE_FAIL: a node that SLURM cannot reach may still compute."""
_JOB = re.compile(r"[\w.+-]{0,64}")
_SECONDS = 20
"""Time limit of squeue; a busy controller is queried again later."""


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, described so that another process on any node can distinguish it from all others."""

    host: str
    machine: str
    """Id of the boot and number of the pid namespace, within which a pid is unique. Empty: unknown."""
    pid: int
    started: str
    """Start of the process, in clock ticks since boot or as a date: a reused pid has a later one. Empty: unknown."""
    job: str
    """SLURM job id; empty outside SLURM."""
    cluster: str
    since: str = field(default="", compare=False)
    """Time at which this identity was made, such as that of a lock."""
    checkout: str = field(default="", compare=False)
    """The checkout whose code the process runs."""

    @classmethod
    def current(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the identity of this process."""
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            machine=machine(),
            pid=pid,
            started=start_of(pid),
            job=environment.get("SLURM_JOB_ID", ""),
            cluster=environment.get("SLURM_CLUSTER_NAME", ""),
            since=datetime.now(UTC).isoformat(" ", "seconds"),
            checkout=str(ROOT),
        )

    @classmethod
    def of_json(cls, value: Any) -> Self:
        """Return the identity with the values of a JSON object. Raises ValueError if they are of other types."""
        try:
            found = cls(**value)
        except TypeError as error:
            raise ValueError(str(error)) from None
        texts = {name: text for name, text in vars(found).items() if name != "pid"}
        if type(found.pid) is not int or not all(isinstance(text, str) for text in texts.values()):
            raise ValueError("expected a number as pid, and texts")
        if not _JOB.fullmatch(found.job):
            raise ValueError("expected the number of a SLURM job, or an empty text")
        return found

    def __str__(self) -> str:
        parts = [f"process {self.pid} on {self.host}"]
        parts += [f"SLURM job {self.job}"] if self.job else []
        parts += [f"since {self.since}"] if self.since else []
        return ", ".join([*parts, f"of the checkout {self.checkout}"] if self.checkout else parts)

    def is_running(self, observer: "ProcessIdentity") -> bool | None:
        """Whether the process runs, as far as `observer` can find out; None if only its heartbeat can show it."""
        if self.machine and self.machine == observer.machine:
            return bool(self.started) and start_of(self.pid) == self.started
        # A requeued job keeps its number, and squeue reports its current run.
        if self.job and self.job != observer.job and self.cluster == observer.cluster:
            return _job_is_running(self.job)
        return None


def _job_is_running(job: str) -> bool | None:
    """Whether SLURM lists the job as running; None if SLURM does not answer, or has requeued the job."""
    squeue = shutil.which("squeue")
    if squeue is None:
        return None
    command = [squeue, "--noheader", "--states=all", f"--jobs={job}", "--format=%T"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    if answer.returncode:
        # SLURM forgets a job some minutes after its end (MinJobAge).
        return False if "Invalid job id" in answer.stderr else None
    states = set(answer.stdout.split())
    if states & _ALIVE:
        return True
    return False if states <= _ENDED else None
