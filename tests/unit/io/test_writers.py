"""Temporary names of files, and what ended processes have left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from supernet.io.atomic import publish
from supernet.io.folders import replaced
from supernet.io.writers import left_beside, left_for, leftovers
from supernet.runtime.leftovers import clear_for, clear_leftovers

DAY = 86_400
WRITE = """
import os, sys, time
from pathlib import Path
from supernet.io.atomic import publish
with publish(sys.argv[1], record=False) as temporary:
    temporary.write_text("half")
    print(temporary.name, flush=True)
    sys.stdin.readline()
"""


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def aged(path: Path, days: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("half")
    past = time.time() - days * DAY
    os.utime(path, (past, past))
    return path


def start(path: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a process that writes a file until it gets a line."""
    command = [sys.executable, "-c", WRITE, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_is_not(tmp_path: Path) -> None:
    results, state = tmp_path / "results", tmp_path / "state"
    killed, left = start(results / "runs" / "weights.safetensors")
    running, written = start(results / "tables" / "epochs.csv")
    killed.kill()
    killed.communicate()
    assert [path.name for path in leftovers(tmp_path)] == [left]
    assert [path.name for path in left_beside(results / "runs" / "weights")] == [left]
    assert left_beside(results / "tables" / "epochs") == left_beside(results / "runs" / "other") == []
    clear_leftovers(results, state, tmp_path / "resources")
    assert names(tmp_path) == {written}
    running.communicate("end\n")
    assert names(tmp_path) == {"epochs.csv"}


def test_this_process_keeps_its_own(tmp_path: Path) -> None:
    with publish(tmp_path / "a.json", record=False) as temporary, replaced(tmp_path / "b", "mark", "x") as folder:
        clear_leftovers(tmp_path, tmp_path / "state", tmp_path / "resources")
        assert temporary.exists() and folder.exists()
        temporary.write_text("{}")


@pytest.mark.parametrize(
    "name", [".training-0123abcd+17+99887766-abcdefgh.safetensors", ".tables-abcdefgh", f".{'0f' * 16}"]
)
def test_of_other_machines_and_earlier_versions_only_old_files_are_removed(tmp_path: Path, name: str) -> None:
    aged(tmp_path / "state" / name, 0.5)
    aged(tmp_path / "state" / "old" / name, 1.5)
    clear_leftovers(tmp_path / "results", tmp_path / "state", tmp_path / "resources")
    assert (tmp_path / "state" / name).exists() and not (tmp_path / "state" / "old" / name).exists()


def test_state_loses_records_and_old_progress_and_nothing_else(tmp_path: Path) -> None:
    state = tmp_path / "state"
    kept = ["runs/a/training.safetensors", "truth/a/trainings.jsonl", "locks/runs/000001.json", ".hidden", "run.log"]
    for name in (*kept, "systems/spos.json.prov.json", "progress/dead.json"):
        aged(state / name, 3)
    aged(state / "progress" / "alive.json", 0)
    aged(tmp_path / "results" / "a.prov.json", 3)
    clear_leftovers(tmp_path / "results", state, tmp_path / "resources")
    found = {path.relative_to(state).as_posix() for path in state.rglob("*") if path.is_file()}
    assert found == {*kept, "progress/alive.json"}
    assert (tmp_path / "results" / "a.prov.json").exists()


def test_a_job_that_has_the_lock_removes_all_that_was_begun_for_its_outputs(tmp_path: Path) -> None:
    mine = [".shard1-0123abcd+17+99887766-abcdefgh.parquet", ".shard1.parquet.prov-0123abcd+17+99887766-abcdefgh.json"]
    mine += [".shard1-abcdefgh.parquet"]
    others = [".shard10-0123abcd+17+99887766-abcdefgh.parquet", ".shard1.txt", "shard1.parquet"]
    for name in (*mine, *others):
        aged(tmp_path / name, 0)
    aged(tmp_path / "state" / ".training-0123abcd+17+99887766-abcdefgh.safetensors", 0)
    aged(tmp_path / "state" / "training.safetensors", 0)
    assert {path.name for path in left_for(tmp_path / "shard1.parquet")} == set(mine)
    clear_for([tmp_path / "shard1.parquet", tmp_path / "state", tmp_path / "none" / "x"])
    assert names(tmp_path) == {*others, "training.safetensors"}
