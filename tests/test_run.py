"""scripts/run.py: what it reads from Snakemake, and how it behaves in a toy repository of its own."""

import contextlib
import fcntl
import importlib.util
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent

SNAKEFILE = """
import os, sys
if os.environ.get("BAD"):
    print("config.yaml: study: found 'nano'\\n  expected one of mini, midi", file=sys.stderr)
    raise SystemExit(2)
rule all:
    default_target: True
    input: "out/b"
rule first:
    output: "out/a"
    log: "logs/a.log"
    message: "Training darts seed 0"
    shell: "{sys.executable} job.py > {log} 2>&1 && touch {output}"
rule second:
    input: "out/a"
    output: "out/b"
    log: "logs/b.log"
    message: "Drawing b"
    shell: "(seq 101 130; test -z \\"${{BREAK:-}}\\" && touch {output}) > {log} 2>&1"
"""

JOB = """
import os, time
from pathlib import Path
from supernet.progress import Progress
seconds = float(os.environ.get("SECONDS_OF_JOB", "0.5"))
file = Path("state/mini/progress/a.json")
with Progress("darts seed 0", "training", 100, file, None, unit_images=64, interval=0.1) as progress:
    print("pid", os.getpid(), flush=True)
    try:
        for step in range(100):
            time.sleep(seconds / 100)
            progress.update(step + 1)
    except KeyboardInterrupt:
        print("saved my state", flush=True)
        raise SystemExit(130)
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A repository with two jobs, and the front program in its place."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "run.py", tmp_path / "scripts")
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "job.py").write_text(JOB)
    return tmp_path


def _start(toy: Path, *arguments: str, output: int = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **variables}
    command = [sys.executable, "scripts/run.py", "--cores", "2", *arguments]
    return subprocess.Popen(command, cwd=toy, env=environment, stdout=output, stderr=output, text=True)


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def _wait_for(file: Path, text: str = "") -> str:
    """The file's content once it has the text."""
    end = time.monotonic() + 30
    while not (file.exists() and text in file.read_text()):
        assert time.monotonic() < end, f"{file} does not say {text!r}"
        time.sleep(0.05)
    return file.read_text()


def _on_terminal(toy: Path, kill: bool = False, **variables: str) -> tuple[int, str]:
    """Exit code and screen under a pseudo-terminal; with `kill`, Snakemake is killed in mid-job."""
    front, back = pty.openpty()
    fcntl.ioctl(back, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = _start(toy, output=back, COLUMNS="100", LINES="30", **variables)
    os.close(back)
    screen = b""
    with contextlib.suppress(OSError):  # Linux reports the end of a pseudo-terminal as an I/O error
        while chunk := os.read(front, 65536):
            screen += chunk
            if kill and re.search(rb"training \d+/100", screen):
                _kill_snakemake(process.pid)
                kill = False
    os.close(front)
    return process.wait(30), screen.decode()


def _kill_snakemake(front: int) -> None:
    (child,) = Path(f"/proc/{front}/task/{front}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)


def test_success_then_nothing_to_do(toy: Path) -> None:
    code, out, err = _finish(_start(toy))
    assert (code, err) == (0, "")
    assert out.startswith("study mini on 2 cores -> results/mini: 3 jobs to do; log: state/mini/run.log\n")
    assert "Done: 3 jobs in 0:" in out
    assert "results/mini/metrics.parquet has not been made yet" in out
    assert "3 of 3 steps" in (toy / "state/mini/run.log").read_text()
    start = time.monotonic()
    code, out, err = _finish(_start(toy))
    assert (code, err) == (0, "")
    assert out.startswith("Nothing to do: all results are up to date")
    assert time.monotonic() - start < 20


def test_failure_shows_the_log_and_what_to_do(toy: Path) -> None:
    code, out, err = _finish(_start(toy, SECONDS_OF_JOB="0", BREAK="1"))
    assert code == 1
    assert "FAILED: Drawing b (rule second, exit status 1)" in out
    assert "logs/b.log, its last 20 lines:\n  | 111\n" in err
    assert "  | 130\n" in err
    assert "  | 110\n" not in err
    assert "To do: correct the cause" in err
    assert "Traceback" not in err


def test_error_in_the_config_is_shown_as_it_is(toy: Path) -> None:
    code, out, err = _finish(_start(toy, BAD="1"))
    assert (code, out) == (2, "")
    assert err == "config.yaml: study: found 'nano'\n  expected one of mini, midi\n"


def test_interrupt_reaches_the_job_once(toy: Path) -> None:
    process = _start(toy, SECONDS_OF_JOB="60")
    _wait_for(toy / "logs/a.log", "pid")
    process.send_signal(signal.SIGINT)
    code, out, err = _finish(process)
    assert code == 1  # Snakemake's own
    assert (toy / "logs/a.log").read_text().count("saved my state") == 1
    assert "stopping: running jobs save their state" in out
    assert "run the same command again" in out
    assert "FAILED" not in out
    assert err == ""


def test_panel_on_a_terminal(toy: Path) -> None:
    code, screen = _on_terminal(toy, SECONDS_OF_JOB="6")
    assert code == 0, screen
    assert "0/3 jobs" in screen
    assert re.search(r"darts seed 0 .*training \d+/100 .*images/s", screen), screen
    assert "Done: 3 jobs" in screen
    assert screen.rfind("\x1b[?25h") > screen.rfind("\x1b[?25l") >= 0  # the cursor is shown again


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the child process in /proc")
def test_killed_snakemake_takes_its_jobs_along(toy: Path) -> None:
    code, screen = _on_terminal(toy, kill=True, SECONDS_OF_JOB="60")
    assert code == 128 + signal.SIGKILL
    assert "Snakemake was ended by signal 9 (SIGKILL)" in screen
    assert screen.rfind("\x1b[?25h") > screen.rfind("\x1b[?25l") >= 0
    job = int((toy / "logs/a.log").read_text().split()[1])
    end = time.monotonic() + 10
    while Path(f"/proc/{job}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_second_run_of_a_study_is_refused(toy: Path) -> None:
    log = toy / "state/mini/run.log"
    log.parent.mkdir(parents=True)
    log.write_text("front program: Snakemake's process group is 7\n")
    with log.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        code, out, err = _finish(_start(toy))
    assert (code, out) == (2, "")
    assert "a run of this study is at work" in err
    assert "kill -INT -- -7" in err
    assert log.read_text().endswith("is 7\n")


# --- Parts


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The program as a module, with an empty folder as its repository."""
    spec = importlib.util.spec_from_file_location("run_program", ROOT / "scripts" / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_program", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    yield module


REPORT = """Job stats:
job      count
-----  -------
one          3
all          1
total        4

Select jobs to execute...
[Tue Nov 24 04:58:27 2026]
Job 1: Training run 0
Reason: Missing output files: out/0.txt
[Tue Nov 24 04:58:27 2026]
rule one:
    output: out/1.txt
    jobid: 2
    wildcards: i=1
"""


def test_workflow_counts_jobs(run: ModuleType) -> None:
    workflow = run.Workflow()
    for line in REPORT.splitlines():
        workflow.read(line, 0.0)
    assert (workflow.done, workflow.total, workflow.counts) == (0, 4, {"one": 3, "all": 1})
    assert [job.message for job in workflow.running.values()] == ["Training run 0", "one"]
    assert workflow.eta(5.0, []) == (None, True)
    for line in ("[Tue Nov 24 04:58:37 2026]", "Finished jobid: 2 (Rule: one)", "1 of 4 steps (25%) done"):
        workflow.read(line, 10.0)
    assert (workflow.done, list(workflow.running)) == (1, ["1"])
    # Two jobs of 10 s are left, 10 s of them are spent, and two jobs run at once: 5 s.
    assert workflow.eta(10.0, []) == (5.0, False)
    assert workflow.remarks == []


def test_workflow_keeps_what_a_failed_job_said(run: ModuleType) -> None:
    workflow = run.Workflow()
    said = [
        "error: table.csv: no such file", "RuleException:", 'CalledProcessError in file "S", line 3:',
        "Command 'set -e; x' died with <Signals.SIGKILL: 9>.", "[Tue Nov 24 04:58:37 2026]",
        "Error in rule one:", "    message: None", "    jobid: 1",
        "    log: a.log, b.log (check log file(s) for error details)",
        "Shutting down, this might take some time.",
    ]  # fmt: skip
    for line in [*REPORT.splitlines(), "", *said]:
        workflow.read(line, 0.0)
    (failure,) = workflow.failures
    assert failure.said == ("error: table.csv: no such file",)
    assert failure.logs == ("a.log", "b.log")
    assert str(failure) == "Training run 0 (rule one, died with SIGKILL)"


STUDY = """
study: mini
title: A test
data: {name: digits}
spaces:
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 2}
    baseline: {}
"""


def _write_results(folder: Path) -> None:
    values = {
        "accuracy": (0.5, 0.7),
        "kdt": (0.2, 0.4),
        "s_kdt": (0.4, 0.6),
        "p_surpass": (0.8, 0.9),
        "final_mean": (0.9, 0.92),
    }
    common = {
        "study": "mini",
        "space": "nasbench201",
        "setting": "baseline",
        "factor": "baseline",
        "value": "",
        "bn_mode": "batch",
    }
    common |= {"split": "scoring", "score": "accuracy"}
    rows = [
        {
            **common,
            "seed": seed,
            "metric": metric,
            "estimate": value,
            "low": value - 0.1,
            "high": value + 0.1,
            "n": 40,
            "status": "complete",
        }
        for metric, pair in values.items()
        for seed, value in enumerate(pair)
    ]
    rows += [{**rows[0], "seed": 2, "metric": metric, "estimate": None, "status": "diverged"} for metric in values]
    references = [
        {
            "space": "nasbench201",
            "name": name,
            "metric": "s_kdt",
            "estimate": value,
            "low": value - 0.1,
            "high": value + 0.1,
            "n": 40,
        }
        for name, value in (("seed", 0.85), ("parameters", 0.3), ("macs", 0.35))
    ]
    facts = {
        "size": 15625,
        "encodings": "15 625",
        "pool": 40,
        "repeated": 40,
        "truth_mean": 0.9,
        "truth_std": 0.02,
    }
    facts |= {
        "truth_min": 0.8,
        "truth_max": 0.95,
        "seed_std": 0.01,
        "truth_se": 0.007,
        "threshold": 0.01,
        "images_test": 450,
    }
    facts |= {"images_scoring": 337, "diverged": 0, "quantile": "pool", "top": 5, "draws": 5}
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(folder / "metrics.parquet")
    pd.DataFrame(references).to_parquet(folder / "references.parquet")
    (folder / "spaces.json").write_text(json.dumps({"nasbench201": facts}))


def test_conclusion_has_the_table_and_the_paths(run: ModuleType, tmp_path: Path) -> None:
    _write_results(tmp_path / "results" / "mini")
    (tmp_path / "workflow" / "studies").mkdir(parents=True)
    (tmp_path / "workflow" / "studies" / "mini.yaml").write_text(STUDY)
    (tmp_path / "results" / "mini" / "tables").mkdir()
    (tmp_path / "results" / "mini" / "tables" / "spaces.csv").write_text("")
    options = run._parse(["--cores", "2"])
    text = run._conclusion(run.Workflow(nothing_to_do=True), options, 3.0)
    cells = dict(re.split(r" {2,}", line.strip()) for line in text.splitlines() if re.search(r"\S {2,}\S", line))
    assert cells == {
        "seeds": "2 (1 diverged)",
        "super-net accuracy": "60.0 %",
        "KdT": "0.30 [0.20, 0.40]",
        "S-KdT": "0.50 [0.40, 0.60]",
        "by parameters alone": "0.30 [0.20, 0.40]",
        "by multiply-adds": "0.35 [0.25, 0.45]",
        "ceiling, seed to seed": "0.85 [0.75, 0.95]",
        "P>R": "0.850 (rank in pool)",
        "final performance": "91.0 %",
        "truth, mean and best": "90.0 %, 95.0 %",
        "tables:": "results/mini/tables/ (1 file)",
        "log:": "state/mini/run.log",
    }


def test_command_line(run: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("study: midi\nresults: elsewhere\n")
    options = run._parse(["--cores", "3", "a.pdf", "--", "--forcerun", "plot"])
    assert options.folder == Path("elsewhere", "midi")
    assert options.command()[3:] == [
        "a.pdf", "--cores", "3", "--rerun-triggers", "mtime", "params", "input", "--rerun-incomplete",
        "--nocolor", "--forcerun", "plot",
    ]  # fmt: skip
    command = run._parse(["--study", "cifar10", "--results", "/big"]).command()
    assert command[-3:] == ["--config", "study=cifar10", "results=/big"]
