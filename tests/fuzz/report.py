"""Fuzz the readers and print a table; exit code 1 if an input ends in a traceback, a hang or too much memory.

python tests/fuzz [--inputs N] [--seed N] [--only TEXT] [--keep FOLDER]
"""

import argparse
import sys
from pathlib import Path

from fuzz.execution import Report, content_of, run_apart
from fuzz.target import all_targets

HEADER = f"{'target':28}{'inputs':>8}{'read':>7}{'refused':>9}{'faults':>8}{'slowest':>9}{'memory':>9}"


def main() -> None:
    """Run the targets that the command line selects."""
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000, help="inputs of each target (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other inputs (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only targets whose name has this text")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="write the first input of each fault to this folder"
    )
    options = parser.parse_args()
    chosen = [target for target in all_targets() if options.only in target.name]
    print(HEADER, flush=True)
    right = bool(chosen)
    for target in chosen:
        report = run_apart(target, options.inputs, options.seed)
        right = right and report.right
        print(line(report), flush=True)
        for number, (fault, first) in enumerate(report.faults.items()):
            print(f"    {fault} (input {first})", flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                name = f"{target.name.replace(' ', '-').replace('/', '-')}-{number}"
                (options.keep / name).write_bytes(content_of(target, options.seed, first))
    sys.exit(0 if right else 1)


def line(report: Report) -> str:
    """Return the row of a target; seconds are of the processor, and memory is beyond that before the first input."""
    faults = report.inputs - report.outcomes["read"] - report.outcomes["UserError"]
    return (
        f"{report.target:28}{report.inputs:8}{report.outcomes['read']:7}{report.outcomes['UserError']:9}{faults:8}"
        f"{report.slowest:7.2f} s{report.memory / 1e6:6.0f} MB"
    )
