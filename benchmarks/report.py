"""Writes the results of all benchmarks into the documentation.

Replaces the part of docs/develop/performance.md between the marks, and docs/images/growth.svg, so that none of their
numbers is typed by hand.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.harness.growth_figure import PANELS, draw
from benchmarks.harness.results import RESULTS, Report, load
from supernet.errors import UserError
from supernet.io.atomic import write_text
from supernet.paper.names import SPACE_NAMES
from supernet.paper.style import LOOKS
from supernet.provenance.closure import ROOT
from supernet.runtime import program

PAGE = ROOT / "docs" / "develop" / "performance.md"
IMAGE = ROOT / "docs" / "images" / "growth.svg"
BEGIN = "<!-- written by `python -m benchmarks.report`: begin -->"
CAPTION = (
    "Time of a NASBench-201 step against channels, cells and batch, of scoring against the pool, and of a dry run "
    "against the study; both axes are logarithmic, lines are least squares"
)
END = "<!-- written by `python -m benchmarks.report`: end -->"


def table(report: Report) -> str:
    """Return the targets as a Markdown table."""
    lines = ["| measurement | result | target | aim | verdict |", "|---|---:|---:|---:|---|"]
    for one in report.measured():
        goal = one.target
        sign = "≥" if goal.bound == "at least" else "≤"
        aim = "" if goal.aim is None else f"{goal.aim:g}"
        note = f" ({one.note})" if one.note else ""
        lines.append(f"| {goal.name}{note} | {one.shown} | {sign} {goal.target:g} | {aim} | {one.verdict} |")
    return "\n".join(lines)


def sentence(report: Report) -> str:
    """Return a sentence with machine, date, versions and load."""
    about = report.circumstances
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    took = sum(program["seconds"] for program in report.programs.values()) / 60
    load = about["load"]
    busy = (
        f"**Other processes were running (load {load} at the start), so speeds may be too low.** " if load >= 1 else ""
    )
    machine = f"{about['cores']} cores of {about['processor']}{' with AVX-512' if about['avx512'] else ''}"
    return (
        f"{about['date']}, {machine}, Python {about['python']}, {versions}; {took:.0f} minutes in all. "
        f"Times on one thread are processor seconds. {busy}"
    ).strip()


def section(report: Report) -> str:
    """Return the text between the marks."""
    said = "\n".join(report.findings.lines)
    parts = [
        f"{sentence(report)}\n\n{table(report)}",
        f"Other results of the programs:\n\n```text\n{said}\n```",
    ]
    if "profile" in report.findings.series:
        parts.append(f"### Where the time of a step goes\n\n{profile_table(report.findings.series['profile'])}")
    if set(PANELS) <= set(report.findings.series):
        parts.append(f"### How time grows\n\n![{CAPTION}](../images/{IMAGE.name})\n\n{CAPTION}.")
    return "\n\n".join(parts)


def profile_table(profile: Mapping[str, Mapping[str, float]]) -> str:
    """Return the shares of a step's processor time as a Markdown table, the largest first."""
    parts = sorted({part for shares in profile.values() for part in shares})
    parts.sort(key=lambda part: -sum(shares.get(part, 0.0) for shares in profile.values()))
    names = [SPACE_NAMES[space] for space in LOOKS if space in profile]
    lines = [f"| part | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for part in parts:
        shares = [f"{profile[space].get(part, 0.0):.0%}" for space in LOOKS if space in profile]
        lines.append(f"| {part} | {' | '.join(shares)} |")
    return "\n".join(lines)


def insert(page: str, text: str) -> str:
    """Replace the text between the marks of the page; UserError if it has no marks."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise UserError(f"{PAGE}: expected the lines {BEGIN!r} and {END!r}; put them where the table belongs")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=RESULTS, help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    report = load(options.results)
    if report.quick:
        raise UserError(f"{options.results}: results of --quick are not measurements; run `make benchmark`")
    write_text(PAGE, insert(PAGE.read_text("utf-8"), section(report)), record=False)
    print(f"{PAGE}: written", file=sys.stderr)
    if set(PANELS) <= set(report.findings.series):
        draw(report.findings.series, IMAGE)
        print(f"{IMAGE}: written", file=sys.stderr)


if __name__ == "__main__":
    program.run(main)
