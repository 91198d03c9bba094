"""The collector of garbage: off while a program imports, on while it works, and never over what was imported."""

import gc
import subprocess
import sys
import time

from checkouts import ROOT

from supernet.runtime.startup import begin

PROGRAM = """
import gc
from supernet.runtime.startup import begin
STARTED = begin(__name__)
off = not gc.isenabled()
from supernet.runtime import program

def main(arguments):
    alone = gc.get_freeze_count()
    class Node: pass
    node = Node()
    node.itself = node
    del node
    print(off, gc.isenabled(), alone > 10_000, gc.collect() > 0)

program.run(main)
"""


def test_a_program_looks_for_its_own_garbage_alone() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True"] * 4


def test_an_imported_module_leaves_the_collector_alone() -> None:
    assert gc.isenabled()
    before = time.time()
    assert before <= begin("scripts.train") <= time.time()
    assert gc.isenabled()


def test_every_program_that_imports_torch_begins_so() -> None:
    timed = [path for path in sorted((ROOT / "scripts").glob("*.py")) if "open_session" in path.read_text()]
    assert len(timed) >= 8
    for path in timed:
        text = path.read_text()
        assert text.index("STARTED = begin(__name__)") < text.index("from supernet.runtime import program"), path
