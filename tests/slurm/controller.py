"""Snakemake at work on a test cluster, and what it left."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from checkouts import copy_checkout
from cluster import output, wait

STUDY = "tests/studies/cluster.yaml"
TARGET = "table_search"
BASELINE = "nasbench201/baseline/seed0"
SWEPT = "nasbench201/learning_rate=0.1/seed0"
EXACT = ("weights.safetensors", "curve.parquet", "scores.parquet", "run.json")
"""Files of a run that must have the same bytes whatever happened to its jobs."""
TESTED = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10")
"""Quicker than the profile: tests wait for what a user would not sit and watch."""


@dataclass
class Controller:
    """Snakemake in a copy of the checkout, in a process group of its own; `said` is all that it printed."""

    folder: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def jobs(self, rule: str) -> list[str]:
        """SLURM ids of the jobs of a rule that are not over, in the order of their submission."""
        lines = output("squeue", "--noheader", "--format=%A %k %Z").splitlines()
        found = [line.split(maxsplit=2) for line in lines]
        return sorted((one[0] for one in found if one[1].startswith(f"rule_{rule}")), key=int)

    def saved(self, run: str) -> bool:
        """Whether a run has a checkpoint."""
        return (self.folder / f"state/cluster/runs/{run}/training.safetensors").exists()

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until Snakemake has said something."""
        wait(lambda: text in self.said or self.process.poll() is not None, seconds, text, lambda: self.said[-3000:])
        assert text in self.said, self.said[-3000:]

    def wait_saved(self, run: str, seconds: float = 120) -> None:
        """Wait until a run has a checkpoint."""
        wait(lambda: self.saved(run), seconds, f"checkpoint of {run}", lambda: self.said[-3000:])

    def finish(self, seconds: float, code: int = 0) -> None:
        """Wait for the end, which must have this exit code."""
        try:
            found = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end within {seconds:.0f} s\n{self.said[-5000:]}") from None
        assert found == code, self.said[-5000:]


@contextmanager
def snakemake(folder: Path, *arguments: str, study: str = STUDY, config: tuple[str, ...] = ()) -> Iterator[Controller]:
    """Start Snakemake with the profile for SLURM; on exit it is killed, if it still runs, and its jobs are cancelled."""
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *arguments, *TESTED]
    command += ["--config", f"study={study}", "checkpoint_seconds=0.5", *config]
    log = folder / "snakemake.out"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=folder, stdout=stream, stderr=stream, env=environment(), process_group=0
        )
    try:
        yield Controller(folder, process, log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        cancel(folder)


def cancel(folder: Path) -> None:
    """Cancel the jobs of a copy of the checkout, and wait until they are over."""

    def left() -> list[str]:
        lines = output("squeue", "--noheader", "--format=%A %Z").splitlines()
        return [line.split()[0] for line in lines if line.split()[1] == str(folder)]

    if jobs := left():
        subprocess.run(["scancel", *jobs], check=False)
        wait(lambda: not left(), 30, "end of cancelled jobs")


def environment() -> dict[str, str]:
    """A user's, without what pytest was started with."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SUPERNET_MIRROR")}


def undisturbed(folder: Path) -> Path:
    """The same study on this machine without a cluster; the folder of its runs."""
    copy_checkout(folder)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", TARGET, "--config", f"study={STUDY}"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment())
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return folder / "results" / "cluster"


def same_results(results: Path, expected: Path, *runs: str) -> None:
    """The runs must have the bytes of an undisturbed study."""
    for run in runs:
        for name in EXACT:
            ours, theirs = results / "runs" / run / name, expected / "runs" / run / name
            assert ours.read_bytes() == theirs.read_bytes(), f"{run}/{name}"


def starts(folder: Path, run: str) -> list[int]:
    """The step at which each attempt of a run began, from its log."""
    log = (folder / f"results/cluster/logs/train/{run}.log").read_text()
    lines = re.findall(r"training (\d+)/\d+ \(\d+ %\)$", log, re.MULTILINE)
    return [int(step) for step in lines]


def found(results: Path) -> pd.DataFrame:
    """What the search found."""
    return pd.read_parquet(results / "search/nasbench201/seed0.parquet")
