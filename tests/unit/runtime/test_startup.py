"""How a program starts: its start time, and the garbage collector around its imports."""

import os
import subprocess
import sys
import time
from pathlib import Path

from checkouts import ROOT

PROGRAM = """
import gc, os, sys
off = not gc.isenabled()
from supernet.runtime import program
from supernet.runtime.startup import start_time

def main(arguments):
    frozen = gc.get_freeze_count()
    class Node: pass
    node = Node()
    node.itself = node
    del node
    print(off, gc.isenabled(), frozen > 10_000, gc.collect() > 0)
    print(start_time())
    print(__name__, *sys.argv, *arguments, os.getcwd() in sys.path or "" in sys.path)

if __name__ == "__main__":
    program.run(main)
"""
START = ("-P", "-m", "supernet.runtime.start")


def run(tmp_path: Path, *words: str, **variables: str) -> list[str]:
    """Lines that the program prints when it is started with these words of Python's command line."""
    script = tmp_path / "scripts" / "a program.py"
    script.parent.mkdir(exist_ok=True)
    script.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, *words, str(script), "--one", "two words"]
    return subprocess.check_output(command, cwd=tmp_path, env=environment, text=True).splitlines()


def test_the_collector_is_off_during_imports_and_ignores_what_was_imported(tmp_path: Path) -> None:
    assert run(tmp_path, *START)[0] == "True True True True"


def test_a_script_started_by_hand_is_collected_as_usual_and_then_as_well(tmp_path: Path) -> None:
    assert run(tmp_path)[0] == "False True True True"


def test_the_script_runs_as_if_started_by_hand_and_the_current_folder_is_not_imported_from(tmp_path: Path) -> None:
    arguments = "--one two words"
    expected = f"__main__ {tmp_path / 'scripts' / 'a program.py'} {arguments} {arguments} False"
    assert run(tmp_path, *START)[2] == expected == run(tmp_path)[2]


def test_the_start_time_is_that_of_the_process_and_not_of_its_parent(tmp_path: Path) -> None:
    for words in (START, ()):
        before = time.time()
        assert before <= float(run(tmp_path, *words)[1]) <= time.time()
        inherited = run(tmp_path, *words, SUPERNET_STARTED=f"{os.getpid()} 1.0")
        assert before <= float(inherited[1]) <= time.time()
