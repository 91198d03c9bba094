"""The results of all benchmarks as one JSON file, and what the documents show of it: `python -m benchmarks.report`.

Writes the part of docs/develop/performance.md between the marks, and docs/images/growth.svg, so that no number of them
is typed by hand.
"""

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.findings import Findings
from benchmarks.growth_figure import PANELS, draw
from benchmarks.targets import TARGETS, Measured
from supernet.errors import UserError
from supernet.io.atomic import read_json, write_json, write_text
from supernet.paper.names import SPACE_NAMES
from supernet.paper.style import LOOKS
from supernet.provenance.closure import ROOT
from supernet.runtime import program

RESULTS = ROOT / "build" / "benchmarks.json"
PAGE = ROOT / "docs" / "develop" / "performance.md"
IMAGE = ROOT / "docs" / "images" / "growth.svg"
BEGIN = "<!-- written by `python -m benchmarks.report`: begin -->"
CAPTION = (
    "Time of a NASBench-201 step against channels, cells and batch, of scoring against the pool, and of a dry run "
    "against the study; both axes are logarithmic, lines are least squares"
)
END = "<!-- written by `python -m benchmarks.report`: end -->"


@dataclass
class Report:
    """All that a run of the benchmarks found."""

    circumstances: dict[str, Any]
    quick: bool
    programs: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)

    def add(self, found: Findings) -> None:
        """What one program found."""
        self.findings.figures |= found.figures
        self.findings.lines += found.lines
        self.findings.series |= found.series

    def measured(self) -> list[Measured]:
        """Each target with its figure, in the order of the table."""
        figures = self.findings.figures
        absent = (None, "no program measured it")
        return [Measured(target, *figures.get(key, absent)) for key, target in TARGETS.items()]

    def save(self, path: Path) -> None:
        """Write it, with the verdicts."""
        path.parent.mkdir(parents=True, exist_ok=True)
        verdicts = {one.target.key: one.verdict for one in self.measured()}
        write_json(path, {**asdict(self), "verdicts": verdicts})


def load(path: Path) -> Report:
    """What `Report.save` wrote; UserError if it is not there."""
    if not path.exists():
        raise UserError(f"{path}: no results of benchmarks; run `make benchmark` first")
    found = read_json(path)
    figures = {key: (figure, note) for key, (figure, note) in found["findings"]["figures"].items()}
    findings = Findings(figures, found["findings"]["lines"], found["findings"]["series"])
    return Report(found["circumstances"], found["quick"], found["programs"], findings)


def circumstances() -> dict[str, Any]:
    """Machine, date and versions; the load is the mean number of running processes in the minute before."""
    from importlib.metadata import version

    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "avx512": "avx512f" in _cpuinfo(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "numpy", "snakemake")},
        "load": round(os.getloadavg()[0], 1),
    }


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def _processor() -> str:
    names = [line.partition(":")[2].strip() for line in _cpuinfo().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(report: Report) -> str:
    """The targets as Markdown."""
    lines = ["| what | figure | at least or at most | aim | |", "|---|---:|---:|---:|---|"]
    for one in report.measured():
        goal = one.target
        sign = "≥" if goal.bound == "at least" else "≤"
        aim = "" if goal.aim is None else f"{goal.aim:g}"
        note = f" ({one.note})" if one.note else ""
        lines.append(f"| {goal.name}{note} | {one.shown} | {sign} {goal.target:g} | {aim} | {one.verdict} |")
    return "\n".join(lines)


def sentence(report: Report) -> str:
    """Where and when it was measured, and how busy the machine was."""
    about = report.circumstances
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    took = sum(program["seconds"] for program in report.programs.values()) / 60
    load = about["load"]
    busy = f"**Other work ran beside it (load {load} at the start): figures may be too low.** " if load >= 1 else ""
    machine = f"{about['cores']} cores of {about['processor']}{' with AVX-512' if about['avx512'] else ''}"
    return (
        f"{about['date']}, {machine}, Python {about['python']}, {versions}; {took:.0f} minutes in all. "
        f"Seconds of one thread are the processor's. {busy}"
    ).strip()


def section(report: Report) -> str:
    """What stands between the marks."""
    said = "\n".join(report.findings.lines)
    parts = [
        f"{sentence(report)}\n\n{table(report)}",
        f"What the programs said besides:\n\n```text\n{said}\n```",
    ]
    if "profile" in report.findings.series:
        parts.append(f"### Where the time of a step goes\n\n{profile_table(report.findings.series['profile'])}")
    if set(PANELS) <= set(report.findings.series):
        parts.append(f"### How time grows\n\n![{CAPTION}](../images/{IMAGE.name})\n\n{CAPTION}.")
    return "\n\n".join(parts)


def profile_table(profile: Mapping[str, Mapping[str, float]]) -> str:
    """Shares of a step's processor time as Markdown, the largest first."""
    parts = sorted({part for shares in profile.values() for part in shares})
    parts.sort(key=lambda part: -sum(shares.get(part, 0.0) for shares in profile.values()))
    names = [SPACE_NAMES[space] for space in LOOKS if space in profile]
    lines = [f"| part | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for part in parts:
        shares = [f"{profile[space].get(part, 0.0):.0%}" for space in LOOKS if space in profile]
        lines.append(f"| {part} | {' | '.join(shares)} |")
    return "\n".join(lines)


def insert(page: str, text: str) -> str:
    """The page with the text between its marks; UserError if it has none."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise UserError(f"{PAGE}: expected the lines {BEGIN!r} and {END!r}; put them where the table is to stand")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=RESULTS, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    report = load(options.results)
    if report.quick:
        raise UserError(f"{options.results}: results of --quick, which are no figures; run `make benchmark`")
    write_text(PAGE, insert(PAGE.read_text("utf-8"), section(report)), record=False)
    print(f"{PAGE}: written", file=sys.stderr)
    if set(PANELS) <= set(report.findings.series):
        draw(report.findings.series, IMAGE)
        print(f"{IMAGE}: written", file=sys.stderr)


if __name__ == "__main__":
    program.run(main)
