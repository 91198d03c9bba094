"""The program `python tests/fuzz`: makes the package importable, and runs `fuzz.report`."""

import sys
from importlib import import_module
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[0:1] = [str(TESTS.parent), str(TESTS), str(TESTS / "helpers")]
import_module("fuzz.report").main()
