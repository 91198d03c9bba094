"""Snakemake's scheduler wakes up when a job ends, and not each second for each job that has ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import ROOT

# Imported by each Python at its start: counts the timers of Snakemake's scheduler.
COUNTER = """
import os, sys

if "snakemake" in sys.orig_argv:
    from snakemake.scheduling.job_scheduler import JobScheduler

    original = JobScheduler._schedule_reevalutation

    def counted(self, delay):
        with open(os.environ["TIMERS"], "a") as stream:
            stream.write("x")
        original(self, delay)

    JobScheduler._schedule_reevalutation = counted
"""


@pytest.mark.parametrize(("options", "timers"), [((), False), (("--max-jobs-per-timespan", "50/1s"), True)])
def test_a_job_that_ends_starts_no_timer_unless_a_limit_is_chosen(
    tmp_path: Path, options: tuple[str, ...], timers: bool
) -> None:
    (tmp_path / "sitecustomize.py").write_text(COUNTER)
    counts = tmp_path / "timers"
    target = "results/smoke/drawn/nasbench201.parquet"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", target]
    command += [
        *options,
        "--configfile",
        str(ROOT / "config.yaml"),
        "--config",
        f"study={ROOT}/tests/studies/smoke.yaml",
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "TIMERS": str(counts)}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / target).exists()
    assert counts.exists() is timers
