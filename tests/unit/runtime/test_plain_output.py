"""Output on terminals and pipes that cannot take it: characters become `?`, a closed pipe ends without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from supernet.runtime.program import CLOSED_PIPE

PRINTING = """
import sys
from supernet.errors import UserError
from supernet.runtime.program import run

def main(arguments):
    for _ in range(int(arguments[0])):
        print("72 % · 4096 images → ‡")
    if arguments[1:]:
        raise {error}

run(main)
"""


def started(folder: Path, *arguments: str, error: str = "UserError('ü')", **environment: str) -> subprocess.Popen[str]:
    """Start a program that prints lines, then raises an error if there is a second argument."""
    program = folder / "program.py"
    program.write_text(PRINTING.format(error=error), encoding="utf-8")
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, str(program), *arguments],
        stdout=pipe,
        stderr=pipe,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("lines", ["1", "100000"])
def test_a_closed_pipe_ends_a_program_quietly(tmp_path: Path, lines: str, unbuffered: str) -> None:
    process = started(tmp_path, lines, PYTHONUNBUFFERED=unbuffered)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait() == CLOSED_PIPE


def test_another_broken_pipe_keeps_its_traceback(tmp_path: Path) -> None:
    process = started(tmp_path, "1", "fail", error="BrokenPipeError('of a socket')")
    _, errors = process.communicate()
    assert "BrokenPipeError: of a socket" in errors and process.returncode == 1


def test_a_terminal_that_only_has_ascii(tmp_path: Path) -> None:
    output, errors = started(tmp_path, "1", "fail", PYTHONIOENCODING="ascii").communicate()
    assert output == "72 % ? 4096 images ? ?\n" and errors == "error: ?\n"


@pytest.mark.parametrize("arguments", [["--version"], ["explain", "--help"], ["audit", "--study", "unknown"]])
def test_the_command_never_ends_in_a_traceback(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "supernet", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert "Error" not in process.stderr.read().replace("error: ", "")
