"""Identifies a process on any node, and finds out whether it still runs: here by /proc or ps, elsewhere by SLURM."""

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PROC = Path("/proc")
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

    @classmethod
    def current(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the identity of this process."""
        pid = os.getpid()
        return cls(
            host=socket.gethostname(),
            machine=_machine(),
            pid=pid,
            started=_started(pid),
            job=environment.get("SLURM_JOB_ID", ""),
            cluster=environment.get("SLURM_CLUSTER_NAME", ""),
        )

    def __str__(self) -> str:
        job = f", SLURM job {self.job}" if self.job else ""
        return f"process {self.pid} on {self.host}{job}"

    def is_running(self, observer: "ProcessIdentity") -> bool | None:
        """Whether the process runs, as far as `observer` can find out; None if only its heartbeat can show it."""
        if self.machine and self.machine == observer.machine:
            return bool(self.started) and _started(self.pid) == self.started
        # A requeued job keeps its number, and squeue reports its current run.
        if self.job and self.job != observer.job and self.cluster == observer.cluster:
            return _job_is_running(self.job)
        return None


def _machine() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink(_PROC / 'self/ns/pid')}"
    except OSError:  # not Linux
        return _answer("sysctl", "-n", "kern.bootsessionuuid")


def _started(pid: int) -> str:
    """Start time of a process; empty if it does not exist or is a zombie."""
    if not (_PROC / "self/stat").exists():  # not Linux
        state, _, started = _answer("ps", "-o", "stat=,lstart=", "-p", str(pid)).partition(" ")
        return "" if state.startswith("Z") else started.strip()
    try:
        # The name, in parentheses, may contain spaces: fields are counted from the last parenthesis.
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    state, started = fields[0], fields[19]
    return "" if state in "ZX" else started


def _answer(*command: str) -> str:
    """Return what a program prints, in English; empty if it does not exist or fails: only heartbeats count then."""
    if shutil.which(command[0]) is None:
        return ""
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return ran.stdout.strip() if ran.returncode == 0 else ""


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
