"""The program `python tests/kills`: makes the package importable, and runs `kills.program`."""

import sys
from importlib import import_module
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[0:1] = [str(TESTS.parent), str(TESTS), str(TESTS / "helpers")]
import_module("kills.program").main()
