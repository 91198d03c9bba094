"""The program of the attacks: the first attack of each promise of the threat model; `make attacks` runs all."""

import subprocess
import sys
from pathlib import Path


def test_no_attack_has_another_verdict_than_the_promised_one(root: Path) -> None:
    command = [sys.executable, "tests/attacks", "--short", "--seconds", "60"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
