"""Runs all benchmark programs one after another and reports which targets are met.

Each program is a process, so that it does not inherit memory, threads or compiled kernels of another. The results are
written to build/benchmarks.json with machine, date and versions; `python -m benchmarks.report` makes the tables and
plots of the documentation from that file. Exits with code 1 if a program failed; a missed target is not a failure.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.findings import Findings, read
from benchmarks.harness.results import RESULTS, Report, circumstances
from supernet.provenance.closure import ROOT
from supernet.runtime import program
from supernet.runtime.progress import duration
from supernet.runtime.startup import TUNABLES

PROGRAMS = (
    "bootstrap",
    "census",
    "augmentation",
    "memory",
    "step",
    "usual",
    "scoring",
    "growth",
    "heuristics",
    "deterministic",
    "tables",
    "records",
    "study_time",
)


def run(name: str, more: Sequence[str], folder: Path) -> tuple[Findings | None, float]:
    """Run one program; returns its findings, None if it failed, and its wall time in seconds."""
    written = folder / f"{name}.json"
    command = [sys.executable, "-m", f"benchmarks.programs.{name}", "--json", str(written), *more]
    started = time.monotonic()
    # With the allocator settings that the workflow gives to programs that train.
    code = subprocess.run(command, cwd=ROOT, env=os.environ | {"GLIBC_TUNABLES": TUNABLES}).returncode
    return (read(written) if code == 0 else None), time.monotonic() - started


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="use tiny sizes: checks that the programs run, not their speed"
    )
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, metavar="NAME", help="run only these programs")
    parser.add_argument("--json", type=Path, default=RESULTS, help="file for all results (default: %(default)s)")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="where `make run` ran (default: this checkout)")
    options = parser.parse_args(arguments)
    names = [name for name in PROGRAMS if not options.only or name in options.only]
    report = Report(circumstances(), quick=options.quick)
    failed = []
    with tempfile.TemporaryDirectory(prefix="supernet-benchmarks-") as folder:
        for number, name in enumerate(names, start=1):
            print(f"[{number}/{len(names)}] {name}", flush=True)
            more = [*["--quick"] * options.quick, *["--checkout", str(options.checkout)] * (name == "study_time")]
            found, seconds = run(name, more, Path(folder))
            print(f"[{number}/{len(names)}] {duration(seconds)}\n", flush=True)
            report.programs[name] = {"seconds": round(seconds, 1)}
            if found is None:
                failed.append(name)
            else:
                report.add(found)
            # After each program, so that an interrupted run leaves its results.
            report.circumstances["load_after"] = circumstances()["load"]
            report.save(options.json)
    for measured in report.measured():
        print(measured.line)
    print(f"\n{options.json}: written; `python -m benchmarks.report` writes it into the documentation")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    program.run(main)
