"""The PBS profile: planned as documented, and run with a qsub that starts jobs on this machine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import ROOT, copy_checkout

pytest.importorskip("snakemake_executor_plugin_cluster_generic")

# Answers as those of PBS; the job's own process does the work. Arguments go to a file, for the test to read.
QSUB = """#!/bin/sh
number=$(($(ls "$PBS/" | grep -c '[.]code$\\|[.]script$') + 1)).server
for script; do :; done
echo "$@" > "$PBS/$number.script"
cat "$script" > "$PBS/$number.job"
(sh "$PBS/$number.job" > "$PBS/$number.log" 2>&1; echo $? > "$PBS/$number.code") > /dev/null 2>&1 &
echo $number
"""
QSTAT = """#!/bin/sh
for job; do :; done
[ "$*" = "-x -f -F json $job" ] || exit 9
state='"R"'
[ -f "$PBS/$job.code" ] && state="\\"F\\", \\"Exit_status\\": $(cat "$PBS/$job.code")"
echo "{\\"Jobs\\": {\\"$job\\": {\\"job_state\\": $state}}}"
"""


def snakemake(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/pbs", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, **environment})


def test_the_profile_plans_the_study_paper(tmp_path: Path) -> None:
    result = snakemake(copy_checkout(tmp_path), "--dry-run", "all")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^train +390$", result.stdout + result.stderr, re.MULTILINE)


def test_the_profile_submits_asks_and_finishes(tmp_path: Path) -> None:
    folder, pbs = copy_checkout(tmp_path / "clone"), tmp_path / "pbs"
    pbs.mkdir()
    for name, text in (("qsub", QSUB), ("qstat", QSTAT), ("qdel", "#!/bin/sh\n")):
        (pbs / name).write_text(text)
        (pbs / name).chmod(0o755)
    target = "results/smoke/proxies/nasbench201.parquet"
    path = f"{pbs}:{os.environ['PATH']}"
    options = (
        "--config",
        "study=tests/studies/smoke.yaml",
        "--max-status-checks-per-second",
        "10",
        "--latency-wait",
        "5",
    )
    result = snakemake(folder, target, *options, PATH=path, PBS=str(pbs))
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert (folder / target).stat().st_size > 0
    (asked,) = pbs.glob("*.script")
    words = asked.read_text()
    assert "-l select=1:ncpus=1:ngpus=1:mem=3000mb -l walltime=7200 " in words


@pytest.mark.parametrize(
    ("profile", "missing"),
    [("profiles/pbs", "cluster-generic: qsub, qdel"), ("slurm", "slurm: sbatch, squeue, scancel, sacct")],
)
def test_without_a_scheduler_one_line_says_what_is_missing(profile: str, missing: str, tmp_path: Path) -> None:
    folder, programs = copy_checkout(tmp_path / "clone"), tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "sh", "git", "python3", "which"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    target = ("--profile", profile, "results/mini/drawn/nasbench201.parquet", "--config", "study=mini")
    result = snakemake(folder, *target, PATH=str(programs))
    assert result.returncode == 1
    said = (result.stdout + result.stderr).splitlines()
    assert said[-1].startswith(f"executor {missing} not found in PATH; ")
    assert not [line for line in said[:-1] if "sacct" in line or "rror" in line]
    assert not (folder / "results").exists()
    # Planning for a cluster needs no scheduler.
    assert snakemake(folder, "-n", *target, PATH=str(programs)).returncode == 0


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ('"Q"', "running"),
        ('"E"', "running"),
        ('"F", "Exit_status": 0', "success"),
        ('"F", "Exit_status": 271', "failed"),
        ('"F"', "failed"),
    ],
)
def test_states_of_pbs(state: str, expected: str, tmp_path: Path) -> None:
    qstat = tmp_path / "qstat"
    qstat.write_text('#!/bin/sh\necho \'{"Jobs": {"7.server": {"job_state": ' + state + "}}}'\n")
    qstat.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    program = ROOT / "profiles" / "pbs" / "status.py"
    command = [sys.executable, str(program), "7.server"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PATH": path})
    assert result.stdout.strip() == expected
