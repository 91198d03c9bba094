"""Jobs that a killed Snakemake left in SLURM's queue, as listed by squeue 22.05."""

from pathlib import Path

import pytest

from supernet.errors import UserError
from supernet.runtime import slurm


def fake(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    """Install a fake SLURM command, before or without the real ones."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_jobs_of_this_folder_and_of_snakemake_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "a clone"
    here.mkdir()
    rows = [
        f"7|7|RUNNING|1:02|rule_train_wildcards_nasbench201_learning_rate=0.1_0|{here}",
        f"9|8_2|PENDING|0:00|rule_truth|{here}",
        f"10|10|RUNNING|0:01|(null)|{here}",
        f"11|11|RUNNING|0:01|rule_train|{tmp_path}",
    ]
    fake(tmp_path / "bin", monkeypatch, "squeue", "cat <<'END'\n" + "\n".join(rows) + "\nEND")
    first, second = slurm.find_jobs(here)
    assert (first.number, first.state, first.rule) == ("7", "RUNNING", "train nasbench201_learning_rate=0.1_0")
    assert (second.number, second.shown) == ("9", "8_2")
    assert str(second).split() == ["8_2", "PENDING", "0:00", "truth"]


def test_a_cancel_names_all_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path / "bin", monkeypatch, "scancel", f'echo "$@" > {tmp_path}/asked')
    slurm.cancel_jobs([slurm.QueuedJob(number, number, "RUNNING", "0:01", "train") for number in ("7", "9")])
    assert (tmp_path / "asked").read_text() == "7 9\n"


def test_waiting_ends_with_the_last_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two jobs, then one, then none: each call takes a line off.
    left = tmp_path / "left"
    left.write_text(f"7|7|RUNNING|0:01|rule_train|{tmp_path}\n8|8|RUNNING|0:01|rule_train|{tmp_path}\n")
    fake(tmp_path / "bin", monkeypatch, "squeue", f"cat {left}; sed -i 1d {left}")
    said: list[str] = []
    slurm.wait_for_jobs(tmp_path, said.append, poll=0.01)
    assert said == ["still in the queue: 2 (7, 8)", "still in the queue: 1 (8)"]


def test_without_an_answer_nothing_is_concluded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path / "bin", monkeypatch, "squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(UserError, match=r"squeue: Unable to contact slurm controller; try again"):
        slurm.find_jobs(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"squeue: not found; .* login node"):
        slurm.find_jobs(tmp_path)
