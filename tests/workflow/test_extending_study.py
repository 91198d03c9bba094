"""A study that extends another one in the workflow: planned, made, and made again when its parent changes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import copy_checkout

CHILD = """\
study: short
title: NASBench-201 of mini, and dropout
extends: mini
pool: {size: 16, seeds: null, repeated: null}
landscape: null
standalone: null
spaces:
  nasbench101: null
  nasbench201:
    sweep: {epochs: null, dropout: [none, path-0.2]}
"""
POOL = "results/short/drawn/nasbench201.parquet"


def snakemake(folder: Path, *arguments: str, study: str = "short") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments, "--config", f"study={study}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def output(result: subprocess.CompletedProcess[str]) -> str:
    """Return what Snakemake, which must have succeeded, has printed."""
    text = result.stdout + result.stderr
    assert result.returncode == 0, text[-3000:]
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with the study `short`, which extends `mini`."""
    checkout = copy_checkout(tmp_path / "clone")
    (checkout / "workflow" / "studies" / "short.yaml").write_text(CHILD)
    return checkout


def test_a_dry_run_plans_the_merged_study(folder: Path) -> None:
    planned = output(snakemake(folder, "-n"))
    counts = {line.split()[0]: line.split()[1] for line in planned.splitlines() if len(line.split()) == 2}
    # Three seeds of the baseline, two values of learning_rate, one of batch_norm, FairNAS and dropout.
    assert (counts["train"], counts["search"], counts["truth"]) == ("18", "3", "2")
    assert "figure_dropout" in counts and "figure_epochs" not in counts and "landscape" not in counts
    assert "nasbench101" not in planned


def test_a_change_of_the_parent_is_made_again_and_a_comment_is_not(folder: Path) -> None:
    mini = folder / "workflow" / "studies" / "mini.yaml"
    output(snakemake(folder, POOL))
    assert "Nothing to be done" in output(snakemake(folder, "-n", POOL))
    text = mini.read_text()
    mini.write_text(text + "# a comment\n")
    assert "Nothing to be done" in output(snakemake(folder, "-n", POOL))
    mini.write_text(text.replace("seed: 20", "seed: 22", 1))
    again = output(snakemake(folder, "-n", POOL))
    assert re.search(r"^pool +1$", again, re.MULTILINE) and "Params have changed" in again


def test_a_mistake_in_the_parent_is_an_error_before_any_job(folder: Path) -> None:
    mini = folder / "workflow" / "studies" / "mini.yaml"
    mini.write_text(mini.read_text().replace("repeated: 32", "repeats: 32", 1))
    result = snakemake(folder, "-n")
    line = 1 + mini.read_text().splitlines().index("  repeats: 32")
    assert result.returncode != 0 and "Traceback" not in result.stderr
    found = f"workflow/studies/mini.yaml:{line}: pool.repeats: found 32; unknown key; did you mean 'repeated'?"
    assert found in result.stderr and "short.yaml)" in result.stderr


def test_a_file_elsewhere_extends_a_study_of_the_checkout(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "own.yaml").write_text(CHILD.replace("study: short", "study: own"))
    assert re.search(r"^train +18$", output(snakemake(folder, "-n", study="mine/own.yaml")), re.MULTILINE)
