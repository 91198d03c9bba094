"""`supernet run` in a toy repository."""

import contextlib
import fcntl
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
from pathlib import Path

import pytest
from checkouts import ROOT

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
from supernet.runtime.progress import Progress
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
    """A repository with two jobs and a copy of the package, whose location leads to the Snakefile."""
    shutil.copytree(ROOT / "supernet", tmp_path / "supernet", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "job.py").write_text(JOB)
    return tmp_path


def _start(toy: Path, *arguments: str, output: int = subprocess.PIPE, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(toy), "TERM": "xterm-256color", **variables}
    command = [sys.executable, "-m", "supernet", "run", "--cores", "2", *arguments]
    return subprocess.Popen(command, cwd=toy, env=environment, stdout=output, stderr=output, text=True)


def _finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def _wait_for(file: Path, text: str = "") -> str:
    """Return the file's content once it contains the text."""
    end = time.monotonic() + 30
    while not (file.exists() and text in file.read_text()):
        assert time.monotonic() < end, f"{file} does not say {text!r}"
        time.sleep(0.05)
    return file.read_text()


def _on_terminal(toy: Path, kill: bool = False, **variables: str) -> tuple[int, str]:
    """Return exit code and screen under a pseudo-terminal; with `kill`, Snakemake is killed during a job."""
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
    assert "results/mini/metrics.parquet does not exist yet" in out
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
    log.write_text("supernet run: Snakemake's process group is 7\n")
    with log.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        code, out, err = _finish(_start(toy))
    assert (code, out) == (2, "")
    assert "a run of this study is in progress" in err
    assert "kill -INT -- -7" in err
    assert log.read_text().endswith("is 7\n")


def test_start_waits_for_no_large_package() -> None:
    code = """
import sys
import supernet.__main__, supernet.commands.run
print(sorted({"numpy", "pandas", "rich", "torch"} & set(sys.modules)))
import supernet.launcher.results_table, supernet.launcher.panel
print("torch" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("[]\nFalse\n", "")
