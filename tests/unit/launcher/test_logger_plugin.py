"""`snakemake --logger supernet`: its own tests of plugins, and small workflows on the command line."""

import io
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkouts import ROOT
from snakemake_interface_logger_plugins.tests import TestLogHandlerBase as ConformanceTests

from snakemake_logger_plugin_supernet import LogHandler
from supernet.launcher.watcher import Watcher
from supernet.runtime.progress import Progress

SNAKEFILE = """
from snakemake.logging import logger
logger.info("", extra={"supernet": {"study": "mini", "results": "results/mini", "state": "state/mini"}})
rule all:
    default_target: True
    input: "b"
rule first:
    output: "a"
    message: "Training darts seed 0"
    retries: 1
    shell: "echo again >> starts; test $(wc -l < starts) -gt 1; touch {output}"
rule second:
    input: "a"
    output: "b"
    log: "b.log"
    message: "Drawing b"
    shell: "(echo why; test -z \\"${{BREAK:-}}\\" && touch {output}) > {log} 2>&1"
"""


class TestConformance(ConformanceTests):
    """The tests that Snakemake has for every logger plugin."""

    __test__ = True

    def get_log_handler_cls(self) -> type[LogHandler]:
        return LogHandler

    def get_log_handler_settings(self) -> None:
        return None


def _snakemake(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--logger", "supernet", *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


def test_a_job_that_is_started_again_is_not_a_failure(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    code, said = _snakemake(tmp_path)
    assert code == 0
    assert "study mini -> results/mini, 2 cores: 3 jobs to do; log: .snakemake/log\n" in said
    assert "\n3 of 3 jobs done in 0:" in said
    assert "FAILED" not in said and "rule first" not in said.replace("RESTARTED: Training darts seed 0 (rule first", "")
    (log,) = (tmp_path / ".snakemake" / "log").iterdir()
    assert "Trying to restart job" in log.read_text(), "Snakemake's log is complete"
    assert _snakemake(tmp_path) == (0, "Nothing to do: all results are up to date.\n")


def test_a_failure_ends_with_the_log_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "a").touch()
    code, said = _snakemake(tmp_path, BREAK="1")
    assert code == 1
    assert "FAILED: Drawing b (rule second, exit status 1)\nlog: b.log, its last 1 lines:\n  | why\n" in said
    assert "To do: correct the cause" in said and said.endswith(" done in 0:00; logs: .snakemake/log\n")


def test_a_dry_run_prints_what_snakemake_prints(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    code, said = _snakemake(tmp_path, "-n")
    assert code == 0
    assert "Job 2: Training darts seed 0\nReason: Missing output files: a\n" in said


def test_a_dry_run_writes_its_jobs_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    os.utime(tmp_path / "b", (1, 1))
    code, said = _snakemake(tmp_path, "-n", "--logger-supernet-jobs", "jobs.jsonl")
    assert code == 0 and "Job 1: Drawing b\nReason: Updated input files: a\n" in said
    jobs = [json.loads(line) for line in (tmp_path / "jobs.jsonl").read_text().splitlines()]
    assert jobs == [
        {"rule": "second", "wildcards": {}, "input": ["a"], "output": ["b"], "reason": "Updated input files: a"},
        {"rule": "all", "wildcards": {}, "input": ["b"], "output": [], "reason": jobs[1]["reason"]},
    ]
    # A run that is not a dry run writes none.
    assert _snakemake(tmp_path, "--logger-supernet-jobs", "others.jsonl")[0] == 0
    assert not (tmp_path / "others.jsonl").exists()


def test_the_plugin_leaves_the_choice_of_the_package_to_the_snakefile() -> None:
    code = "import sys, snakemake_logger_plugin_supernet; print([name for name in sys.modules if name == 'supernet'])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def _record(level: int, text: str, **extra: object) -> tuple[logging.LogRecord, str]:
    record = logging.LogRecord("snakemake", level, "", 0, text, (), None)
    vars(record).update(extra)
    return record, text


@pytest.fixture
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Displays that are updated at once, with a line at each update."""
    monkeypatch.setattr("supernet.launcher.watcher._POLL", 0.01)
    monkeypatch.setattr("supernet.launcher.plain_lines._INTERVAL", 0.05)


@pytest.mark.usefixtures("short_polls")
def test_progress_of_all_studies_is_shown(tmp_path: Path) -> None:
    stream = io.StringIO()
    watcher = Watcher(stream)
    for name in ("one", "two"):
        study = {"study": name, "results": f"results/{name}", "state": str(tmp_path / name)}
        watcher.read(*_record(logging.INFO, "", supernet=study))
    watcher.read(*_record(logging.INFO, "Provided remote nodes: 100", nodes=100))
    watcher.read(*_record(logging.INFO, "Job 3 has been submitted"))
    watcher.read(*_record(logging.WARNING, "No account given"))
    assert stream.getvalue() == "No account given\n"
    with Progress("darts seed 0", "training", 10, tmp_path / "two" / "progress" / "a.json", None):
        watcher.read(*_record(logging.INFO, "Job stats:\njob  count\n---\none  3\ntotal  3\n"))
        for _ in range(1000):
            if "darts seed 0" in stream.getvalue():
                break
            time.sleep(0.01)
    watcher.read(*_record(logging.ERROR, "executor slurm: sbatch not found"))
    watcher.close()
    said = stream.getvalue()
    assert "\nexecutor slurm: sbatch not found\n" in said
    assert "study one -> results/one, study two -> results/two, 100 jobs at once: 3 jobs to do" in said
    assert "0 of 3 jobs done, 0 running, ETA unknown\n    darts seed 0: training 0/10 (0 %)" in said
    assert said.endswith("0 of 3 jobs done in 0:00; logs: .snakemake/log\n")
