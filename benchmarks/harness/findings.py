"""Results of one benchmark program: printed, and written as JSON for `python -m benchmarks`."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.targets import TARGETS, Measured
from supernet.io.atomic import read_json, write_json


def parse(doc: str | None, arguments: Sequence[str], add: Sequence[tuple[str, dict[str, Any]]] = ()) -> Any:
    """Parse the arguments of a program: --quick, --json and the options in `add`."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument(
        "--quick", action="store_true", help="use tiny sizes: checks that the program runs, not its speed"
    )
    parser.add_argument("--json", type=Path, help="file for the results")
    for name, options in add:
        parser.add_argument(name, **options)
    return parser.parse_args(arguments)


@dataclass
class Findings:
    """Results with targets, with notes; lines of text; series of numbers for figures and tables."""

    figures: dict[str, tuple[float | None, str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    series: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, key: str, figure: float | None, note: str = "") -> None:
        """Add and print the result of the target `key`, in the target's unit, with its verdict."""
        self.figures[key] = figure, note
        print(Measured(TARGETS[key], figure, note).line, flush=True)

    def say(self, line: str) -> None:
        """Print a line and keep it."""
        self.lines.append(line)
        print(line, flush=True)

    def save(self, path: Path | None) -> None:
        """Write the JSON file if `path` is given."""
        if path is not None:
            write_json(path, asdict(self))


def read(path: Path) -> Findings:
    """Read findings that `Findings.save` wrote."""
    found = read_json(path)
    figures = {key: (figure, note) for key, (figure, note) in found["figures"].items()}
    return Findings(figures, found["lines"], found["series"])
