"""Time and overhead of a finished study, read from what Snakemake and its jobs leave."""

import datetime
import json
import os
from pathlib import Path

import pytest
from checkouts import ROOT

from benchmarks.harness.findings import Findings
from benchmarks.programs.study_time import finished, report
from supernet.pipeline.plan import Plan

RUNS = len(list(Plan.load({"study": "mini"}, ROOT).study.runs()))
STARTED = datetime.datetime(2026, 11, 24, 12, 0, 0)
LOG = """
  Date: 2026-11-24 12:00:00
  Command: /somewhere/snakemake --cores 2 --config study=mini
Provided cores: 2
Job stats:
job                         count
------------------------  -------
train                          {runs}
{done} of 60 steps ({percent}%) done
Elapsed time: 0:10:00.500000
"""


def write_log(checkout: Path, name: str, runs: int = RUNS, done: int = 60) -> None:
    folder = checkout / ".snakemake" / "log"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.snakemake.log").write_text(LOG.format(runs=runs, done=done, percent=100 * done // 60))


def write_timing(path: Path, minutes: float, **seconds: float) -> None:
    """Write a timing file, with a modification time that many minutes after the start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"threads": 1, "earlier_seconds": 0, **seconds}))
    moment = STARTED.timestamp() + 60 * minutes
    os.utime(path, (moment, moment))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """1 201 core seconds of which 700 + 60 + 200 + 40 + 20 + 10 + 10 are work."""
    write_log(tmp_path, "a")
    results = tmp_path / "results" / "mini"
    write_timing(
        results / "runs" / "darts" / "baseline" / "seed0" / "timing.json",
        5,
        import_seconds=5,
        train_seconds=700,
        score_seconds=60,
        total_seconds=770,
    )
    write_timing(
        results / "truth" / "darts" / "shard0.timing.json", 4, import_seconds=5, train_seconds=200, total_seconds=206
    )
    write_timing(results / "standalone" / "darts.timing.json", 6, import_seconds=5, train_seconds=40, total_seconds=45)
    write_timing(
        results / "search" / "darts" / "seed0.timing.json",
        9,
        import_seconds=5,
        search_seconds=20,
        retrain_seconds=10,
        total_seconds=35,
    )
    write_timing(
        results / "analysis" / "features" / "darts.timing.json",
        9,
        import_seconds=5,
        train_seconds=6,
        measure_seconds=4,
        total_seconds=15,
    )
    benchmark = results / "benchmarks" / "figure" / "epochs.tsv"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text("s\th:m:s\n30.0\t0:00:30\n")
    return tmp_path


def told(checkout: Path) -> tuple[Findings, dict[str, float]]:
    """Findings, and core seconds by part as the lines have them."""
    found = Findings()
    report(checkout, "mini", found)
    lines = [line.removeprefix("mini: ").partition(" core seconds")[0].rsplit(maxsplit=1) for line in found.lines]
    return found, {part.strip(): float(number) for part, number in lines}


def test_wall_time_overhead_and_parts(checkout: Path) -> None:
    found, parts = told(checkout)
    assert found.figures["make_run"][0] == pytest.approx(600.5 / 60)
    overhead, note = found.figures["overhead_mini"]
    assert overhead == pytest.approx(100 * (1 - 1040 / 1201))
    assert note == "importing torch 2%"
    assert parts == {
        "training super-nets": 700,
        "scoring the pools": 60,
        "ground truth: stand-alone trainings": 200,
        "stand-alone networks with swept values": 40,
        "searches: training and scoring": 20,
        "searches: training their results": 10,
        "loss landscapes and features": 10,
        "importing torch": 25,
        "torch jobs, other": 6,
        "drawing figures": 30,
        "Snakemake and idle cores": 100,
    }


@pytest.mark.parametrize("more", [{"runs": RUNS - 1}, {"done": 59}])
def test_a_session_that_did_not_make_the_study_does_not_count(tmp_path: Path, more: dict[str, int]) -> None:
    write_log(tmp_path, "a", **more)
    assert finished(tmp_path, "mini", RUNS) is None
    found, _ = told(tmp_path)
    assert found.figures == dict.fromkeys(("make_run", "overhead_mini"), (None, "not run here: make run"))


def test_a_later_session_that_made_nothing_hides_none(checkout: Path) -> None:
    write_log(checkout, "b", runs=1)
    assert finished(checkout, "mini", RUNS) is not None
    assert finished(checkout, "midi", RUNS) is None


def test_results_of_another_session_have_no_overhead(checkout: Path) -> None:
    write_timing(checkout / "results/mini/proxies/darts.timing.json", 60, import_seconds=1, total_seconds=2)
    found, _ = told(checkout)
    assert found.figures["make_run"][0] is not None
    assert found.figures["overhead_mini"] == (None, "some jobs ran again later")
