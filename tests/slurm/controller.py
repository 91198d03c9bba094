"""Snakemake on a test cluster, and the files that it leaves."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from checkouts import copy_checkout
from cluster import HANG, output, wait

STUDY = "tests/studies/cluster.yaml"
BASELINE = "nasbench201/baseline/seed0"
SWEPT = "nasbench201/learning_rate=0.1/seed0"
EXACT = ("weights.safetensors", "curve.parquet", "run.json")
"""Files of a training that must have the same bytes whatever happened to its jobs."""
TESTED = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10")
"""Quicker than the profile: tests wait for what a user would not sit and watch."""


def target(run: str) -> str:
    """Return the file that Snakemake is asked for to make a run."""
    return f"results/cluster/runs/{run}/run.json"


@dataclass
class Controller:
    """Snakemake in a copy of the checkout, in a separate process group; `said` is its output."""

    folder: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def last(self) -> str:
        """Return the end of its output."""
        return self.said[-5000:]

    def submitted(self) -> list[str]:
        """Return the SLURM ids of all submitted jobs."""
        return re.findall(r"has been submitted with SLURM jobid (\d+)", self.said)

    def wait_for(self, text: str, seconds: float = HANG) -> None:
        """Wait until the output contains a text."""
        wait(lambda: self.ended or text in self.said, text, self.last, seconds)
        assert text in self.said, self.last()

    def wait_trained(self, *runs: str, steps: int = 100) -> None:
        """Wait until runs have trained for some steps."""
        for run in runs:
            wait(lambda run=run: self.ended or trained(self.folder, run) >= steps, f"step {steps} of {run}", self.last)
            assert not self.ended, self.last()

    def kill(self) -> None:
        """Send SIGKILL, as when a login node runs out of memory; its jobs continue."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def finish(self, code: int = 0) -> None:
        """Wait for the end and check the exit code."""
        wait(lambda: self.ended, "the end of Snakemake", self.last)
        assert self.process.returncode == code, self.last()


@contextmanager
def snakemake(
    folder: Path,
    *arguments: str,
    config: tuple[str, ...] = (),
    program: tuple[str, ...] = ("-m", "snakemake"),
    study: str = STUDY,
) -> Iterator[Controller]:
    """Start Snakemake with the SLURM profile; at the end it is killed with its jobs if it still runs."""
    command = [sys.executable, *program, "--profile", "slurm", *arguments, *TESTED]
    command += ["--config", f"study={study}", "checkpoint_seconds=0.5", *config]
    log = folder / f"snakemake-{time.monotonic_ns()}.out"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=folder, stdout=stream, stderr=stream, env=environment(), process_group=0
        )
    controller = Controller(folder, process, log)
    try:
        yield controller
    finally:
        if process.poll() is None:
            controller.kill()
        cancel(folder)


def locally(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake without a cluster, to its end."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--config", f"study={STUDY}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())


def cancel(folder: Path) -> None:
    """Cancel the jobs of a copy of the checkout, and wait until they have ended."""
    if jobs := jobs_of(folder):
        subprocess.run(["scancel", *jobs], check=False)
        wait(lambda: not jobs_of(folder), "end of cancelled jobs")


def jobs_of(folder: Path) -> list[str]:
    """Return the SLURM ids of the active jobs of a copy of the checkout."""
    rows = [line.split("|") for line in output("squeue", "--noheader", "--format=%A|%Z").splitlines()]
    return [job for job, place in rows if place == str(folder)]


def environment() -> dict[str, str]:
    """Return the environment of a user, without the variables of pytest."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SUPERNET_MIRROR")}


def undisturbed(folder: Path, *targets: str) -> Path:
    """Run the same study on this machine without a cluster, in a new or existing copy of the checkout; returns its
    results.
    """
    if not folder.exists():
        copy_checkout(folder)
    result = locally(folder, *targets)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return folder / "results" / "cluster"


def same_results(results: Path, expected: Path, *runs: str, files: tuple[str, ...] = EXACT) -> None:
    """Assert that the runs have the same bytes as an undisturbed study."""
    for run in runs:
        for name in files:
            ours, theirs = results / "runs" / run / name, expected / "runs" / run / name
            assert ours.read_bytes() == theirs.read_bytes(), f"{run}/{name}"


def training_log(folder: Path, run: str) -> str:
    """Return the log of the last attempt of a run: Snakemake deletes the log when the job starts again."""
    file = folder / f"results/cluster/logs/train/{run}.log"
    return file.read_text() if file.exists() else ""


def start_step(folder: Path, run: str) -> int:
    """Return the step at which the last attempt of a run began."""
    steps = re.findall(r"training (\d+)/\d+ \(\d+ %\)$", training_log(folder, run), re.MULTILINE)
    assert len(steps) == 1, training_log(folder, run)
    return int(steps[0])


def trained(folder: Path, run: str) -> int:
    """Return the steps that a training has reported; 0 if none is running."""
    space, setting, seed = run.split("/")
    file = folder / f"state/cluster/progress/{space}-{setting}-{seed.removeprefix('seed')}.json"
    try:
        report = json.loads(file.read_text())
    except FileNotFoundError:
        return 0
    return int(report["done"]) if report["phase"] == "training" else 0


def trainings(folder: Path) -> list[int]:
    """Return the process ids of the training programs of a copy of the checkout."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(folder / "scripts" / "train.py").encode() in words:
            found.append(int(process.name))
    return found


def preempt() -> None:
    """Submit a job that needs both nodes for a second, in a partition of higher rank."""
    command = ["sbatch", "-p", "high", "-N", "2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1"]
    subprocess.run(command, check=True, capture_output=True)
