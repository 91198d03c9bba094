"""A forwarded signal reaches the children of a process that handles it itself."""

import signal
import subprocess
import sys

PARENT = """
import signal, subprocess, sys
from supernet.runtime.slurm import forward_signal
forward_signal(signal.SIGTERM)
# As in Snakemake: a handler that is set later and only notes the signal.
noted = []
signal.signal(signal.SIGTERM, lambda *_: noted.append(1))
signal.signal(signal.SIGUSR1, lambda *_: None)
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.wait(), len(noted), flush=True)
"""
CHILD = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("ready", flush=True)
time.sleep(60)
"""


def start() -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def test_parent_and_child_get_the_signal() -> None:
    process = start()
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[0] == "7 1\n"


def test_another_signal_stays_with_the_parent() -> None:
    process = start()
    process.send_signal(signal.SIGUSR1)
    try:
        process.wait(0.5)
        raise AssertionError("the child has ended")
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=30)[0] == "7 1\n"
