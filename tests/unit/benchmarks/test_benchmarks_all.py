"""`python -m benchmarks --quick` runs all programs and ends with one line per target."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import ROOT

from benchmarks.__main__ import PROGRAMS
from benchmarks.harness.growth_figure import PANELS
from benchmarks.harness.results import Report, load
from benchmarks.harness.targets import TARGETS, UNKNOWN
from benchmarks.programs.heuristics import OFF_TARGET, VARIANTS

# Results that need a finished study.
OF_STUDIES = {"make_run", "make_midi", "overhead_mini", "overhead_midi"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Report]:
    """What is printed, and what is written."""
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    command += ["--json", str(folder / "found.json"), "--checkout", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout, load(folder / "found.json")


def test_every_program_is_run() -> None:
    assert sorted(PROGRAMS) == sorted(path.stem for path in (ROOT / "benchmarks" / "programs").glob("*.py"))


def test_every_target_is_measured_by_some_program(ran: tuple[str, Report]) -> None:
    _, report = ran
    assert report.quick and set(report.programs) == set(PROGRAMS)
    assert set(report.findings.figures) == set(TARGETS)
    for key, (figure, note) in report.findings.figures.items():
        if key in OF_STUDIES:
            assert figure is None and note.startswith("not run here: make ")
        else:
            assert figure is not None and 0 < figure < 1e6


def test_it_ends_with_a_line_for_each_target(ran: tuple[str, Report]) -> None:
    printed, report = ran
    lines = printed.splitlines()[-len(TARGETS) - 2 : -2]
    for line, measured in zip(lines, report.measured(), strict=True):
        assert line == measured.line and (measured.verdict == UNKNOWN) == (measured.target.key in OF_STUDIES)


def test_progress_is_shown(ran: tuple[str, Report]) -> None:
    printed, _ = ran
    for number, name in enumerate(PROGRAMS, start=1):
        assert f"[{number}/{len(PROGRAMS)}] {name}\n" in printed


def test_lines_of_steps_and_heuristics(ran: tuple[str, Report]) -> None:
    printed, _ = ran
    assert not re.search(r"\b(nan|inf)\b", printed)
    for name, variants in VARIANTS.items():
        (speed,) = re.findall(
            rf"^{name} C4 .* ([\d.]+) ms per step +(\d+) images/s +([\d.]+)% of peak$", printed, re.MULTILINE
        )
        assert all(float(number) > 0 for number in speed)
        off = rf"^heuristics off, {name} +([\d.]+) of a plain .*: (met|missed)$"
        ((ratio, verdict),) = re.findall(off, printed, re.MULTILINE)
        assert (float(ratio) <= OFF_TARGET) == (verdict == "met")
        for variant in variants:
            assert re.search(rf"^  {re.escape(variant)} +\d+\.\d\d$", printed, re.MULTILINE), variant
    assert len(re.findall(r"architectures/min", printed)) == len(VARIANTS)
    assert len(re.findall(r"^  path_sampling=fairnas, \d passes +\d", printed, re.MULTILINE)) == len(VARIANTS)


def test_growth_has_a_series_for_each_panel(ran: tuple[str, Report]) -> None:
    _, report = ran
    assert set(report.findings.series) == {*PANELS, "profile"}
    for one in map(report.findings.series.__getitem__, PANELS):
        assert len(one["sizes"]) == len(one["times"]) >= 2 and min(one["times"]) > 0


def test_a_program_that_fails_is_named_and_hides_no_other(tmp_path: Path) -> None:
    # A folder with the name of a log cannot be read.
    (tmp_path / ".snakemake" / "log" / "a.snakemake.log").mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "study_time", "bootstrap"]
    command += ["--json", str(tmp_path / "found.json"), "--checkout", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 1 and "failed: study_time" in ran.stderr
    assert load(tmp_path / "found.json").findings.figures["bootstrap"][0] is not None


def test_where_a_step_goes() -> None:
    command = [sys.executable, "-m", "benchmarks.programs.step", "--quick", "--profile"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lines = printed.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"profile, {name}" for name in VARIANTS]
    for line in lines:
        shares = [int(number) for number in re.findall(r"(\d+)%", line)]
        assert "convolution" in line and sum(shares) == pytest.approx(100, abs=len(shares))
