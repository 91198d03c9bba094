"""Targets and verdicts, findings, the report, and the figure of growth."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.findings import Findings, read
from benchmarks.harness.growth_figure import PANELS, draw
from benchmarks.harness.results import Report, circumstances, load
from benchmarks.harness.targets import AIM_MET, MET, MISSED, TARGETS, UNKNOWN, Measured, Target
from benchmarks.programs.growth import exponent
from benchmarks.programs.scoring import check
from benchmarks.report import BEGIN, END, PAGE, insert, main, profile_table, table
from supernet.errors import UserError

FIGURES = st.floats(0.001, 1e4)


@given(st.sampled_from(sorted(TARGETS)), FIGURES, FIGURES)
def test_a_better_figure_has_no_worse_verdict(key: str, one: float, other: float) -> None:
    target = TARGETS[key]
    better, worse = (max, min) if target.bound == "at least" else (min, max)
    order = (MISSED, MET, AIM_MET)
    ranks = [order.index(Measured(target, choose(one, other)).verdict) for choose in (worse, better)]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("key", list(TARGETS))
def test_what_equals_a_target_meets_it(key: str) -> None:
    target = TARGETS[key]
    assert Measured(target, target.target).verdict == MET
    worse = target.target * (0.999 if target.bound == "at least" else 1.001)
    assert Measured(target, worse).verdict == MISSED
    if target.aim is not None:
        assert Measured(target, target.aim).verdict == AIM_MET
        assert target.reached(target.aim, target.target)


def test_what_was_not_measured_says_why() -> None:
    line = Measured(TARGETS["make_run"], None, "not run here: make run").line
    assert line.endswith(f"{UNKNOWN} (not run here: make run)")
    assert "≤ 20, aim 12" in line


def test_a_figure_without_a_target_is_refused() -> None:
    with pytest.raises(KeyError):
        Findings().add("step_nasbench102", 1.0)


def test_findings_survive_their_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = Findings(series={"runs": {"sizes": [1, 2]}})
    found.add("memory", 1.0, "why")
    found.add("make_run", None, "not run")
    found.say("a line")
    found.save(tmp_path / "found.json")
    assert read(tmp_path / "found.json") == found
    printed = capsys.readouterr().out
    assert re.search(r"1 GB +≤ 1.2 +met \(why\)\n", printed) and printed.endswith("a line\n")


def report_of(**figures: tuple[float | None, str]) -> Report:
    report = Report(circumstances(), quick=False, programs={"memory": {"seconds": 90.0}})
    report.add(Findings(dict(figures), ["a line of a program"]))
    return report


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    report = report_of(memory=(1.5, "note"))
    report.save(tmp_path / "build" / "benchmarks.json")
    assert load(tmp_path / "build" / "benchmarks.json") == report
    assert json.loads((tmp_path / "build" / "benchmarks.json").read_text())["verdicts"]["memory"] == MISSED


def test_the_table_has_a_row_for_each_target() -> None:
    rows = table(report_of(memory=(1.5, "note"))).splitlines()[2:]
    assert len(rows) == len(TARGETS)
    assert rows[-1] == f"| {TARGETS['memory'].name} (note) | 1.5 GB | ≤ 1.2 |  | missed |"
    assert all(UNKNOWN in row for row in rows[:-1])


def test_the_profile_has_its_largest_parts_first() -> None:
    profile = {"darts": {"sums": 0.25, "ReLU": 0.75}, "nasbench101": {"sums": 0.5, "max pooling": 0.5}}
    assert profile_table(profile).splitlines() == [
        "| part | NASBench-101 | DARTS |",
        "|---|---:|---:|",
        "| ReLU | 0% | 75% |",
        "| sums | 50% | 25% |",
        "| max pooling | 50% | 0% |",
    ]


def test_the_page_is_replaced_between_its_marks_alone() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert insert(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(UserError, match="expected the lines"):
        insert("no marks", "new")


def test_quick_results_do_not_reach_the_documents(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    with pytest.raises(UserError, match="make benchmark"):
        main([str(path)])
    Report(circumstances(), quick=True).save(path)
    before = PAGE.read_bytes()
    with pytest.raises(UserError, match="--quick"):
        main([str(path)])
    assert PAGE.read_bytes() == before


def test_the_documents_show_the_targets_that_the_code_has() -> None:
    """After a change of a target, run `python -m benchmarks.report`."""
    written = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]

    def goal(target: Target) -> str:
        sign = "≥" if target.bound == "at least" else "≤"
        return f"| {sign} {target.target:g} | {'' if target.aim is None else f'{target.aim:g}'} |"

    # The first table; that of the profile follows.
    lines = written.strip().split("\n\n")[1].splitlines()
    rows = lines[2:]
    assert len(rows) == len(TARGETS)
    for row, target in zip(rows, TARGETS.values(), strict=True):
        assert row.startswith(f"| {target.name}") and goal(target) in row


def test_the_exponent_of_a_power_law() -> None:
    sizes = np.array([1.0, 2, 4, 8])
    assert exponent(sizes, 3 * sizes**1.5) == pytest.approx(1.5)
    # A constant part makes it smaller.
    assert exponent(sizes, 3 * sizes + 10) < 1


def test_the_figure_of_growth_has_its_exponents(tmp_path: Path) -> None:
    one = {"x": "size", "y": "time", "sizes": [1, 2, 4], "times": [1.0, 2.0, 4.1], "last_exponent": 1.04}
    series = {name: {**one, "exponent": 1 + number / 100} for number, name in enumerate(PANELS)}
    for name in ("first", "second"):
        draw(series, tmp_path / f"{name}.svg")
    first = (tmp_path / "first.svg").read_text()
    assert first == (tmp_path / "second.svg").read_text()
    for number in range(len(PANELS)):
        assert f"exponent {1 + number / 100:.2f}, last two 1.04" in first


def test_scores_that_differ_are_refused() -> None:
    scores = [(0.5, 1.0), (0.25, 2.0)]
    check(scores, [(0.5, 1.0 + 5e-7), (0.25, 2.0)])
    with pytest.raises(RuntimeError, match="differ"):
        check(scores, [(0.5, 1.0 + 2e-6), (0.25, 2.0)])
    with pytest.raises(RuntimeError, match="differ"):
        check(scores, [(0.5, 1.0), (0.251, 2.0)])
