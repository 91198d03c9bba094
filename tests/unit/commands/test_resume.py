"""`supernet resume` with jobs of an earlier Snakemake in the queue."""

import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import ROOT


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """Install a fake SLURM command, before or without the real ones."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_orphaned_jobs_are_listed_and_kept_until_an_option_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "bin", monkeypatch, "squeue", f"echo '7|7|RUNNING|0:01|rule_train|{ROOT}'")
    fake(tmp_path / "bin", monkeypatch, "scancel", f"touch {tmp_path}/cancelled")
    command = [sys.executable, "-m", "supernet", "resume", "--state", str(tmp_path / "state"), "--", "all"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2 and "--wait" in result.stderr and "--cancel" in result.stderr
    assert "7" in result.stdout and not (tmp_path / "cancelled").exists()
