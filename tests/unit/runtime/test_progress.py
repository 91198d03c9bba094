"""Progress: when it writes and logs, how it measures, and what it leaves."""

import json
import os
import subprocess
import sys
import timeit
from pathlib import Path

import pytest

from supernet.runtime.progress import Progress, Report, duration, read_reports


class Clock:
    """A clock that moves only when the test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _run(progress: Progress, clock: Clock, steps: int, seconds: float, start: int = 0) -> None:
    for step in range(start + 1, start + steps + 1):
        clock.now += seconds
        progress.update(step)


def test_line_has_speed_and_eta(clock: Clock) -> None:
    lines: list[str] = []
    with Progress("darts seed 0", "training", 2250, None, lines.append, unit_images=128, clock=clock) as progress:
        _run(progress, clock, 1200, 1 / 32)
    # 32 steps/s x 128 images = 4096 images/s; lines are due after 10, 20, 30 of 37.5 s; 960 steps take 30 s.
    assert lines[0] == "darts seed 0: training 0/2250 (0 %)"
    assert lines[3] == "darts seed 0: training 960/2250 (42 %), 4 096 images/s, ETA 0:40"
    assert lines[4:] == ["darts seed 0: training finished, 1200/2250, 1200 steps in 0:38, 4 096 images/s"]


def test_file_is_written_when_due_only(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "progress" / "a.json"
    with Progress("a", "scoring", 10, file, None, clock=clock) as progress:
        clock.now += 0.9
        progress.update(1)
        assert json.loads(file.read_text())["done"] == 0
        clock.now += 0.1
        progress.update(2)
        (report,) = read_reports(file.parent)
        assert (report.task, report.phase, report.done, report.total, report.pid) == (
            "a",
            "scoring",
            2,
            10,
            os.getpid(),
        )
        assert report.rate == pytest.approx(2.0)
        assert report.eta_s == pytest.approx(4.0)
        assert report.images_per_s is None
        assert [path.name for path in file.parent.iterdir()] == ["a.json"]
    assert not file.exists()


def test_file_is_deleted_after_an_error(clock: Clock, tmp_path: Path) -> None:
    file, lines = tmp_path / "a.json", list[str]()
    with (
        pytest.raises(ValueError),
        Progress("a", "training", 10, file, lines.append, clock=clock) as progress,
    ):
        progress.update(4)
        raise ValueError
    assert not file.exists()
    assert lines[-1] == "a: training stopped at 4/10, 4 steps in 0:00"


def test_steps_before_a_resume_are_not_speed(clock: Clock, tmp_path: Path) -> None:
    with Progress("a", "training", 2000, tmp_path / "a.json", None, done=1000, clock=clock) as progress:
        assert read_reports(tmp_path)[0].rate is None
        _run(progress, clock, 10, 1.0, start=1000)
        assert read_reports(tmp_path)[0].rate == pytest.approx(1.0)


def test_rate_follows_the_recent_past(clock: Clock, tmp_path: Path) -> None:
    with Progress("a", "training", 1000, tmp_path / "a.json", None, clock=clock) as progress:
        _run(progress, clock, 100, 0.1)
        _run(progress, clock, 40, 1.0, start=100)
        assert read_reports(tmp_path)[0].rate == pytest.approx(1.0)


def test_rate_of_steps_longer_than_the_window(clock: Clock, tmp_path: Path) -> None:
    with Progress("a", "training", 10, tmp_path / "a.json", None, clock=clock) as progress:
        _run(progress, clock, 4, 40.0)
        assert read_reports(tmp_path)[0].rate == pytest.approx(1 / 40)


def test_update_is_cheap(tmp_path: Path) -> None:
    with Progress("a", "training", 10, tmp_path / "a.json", None, interval=1e9) as progress:
        seconds = min(timeit.repeat(lambda: progress.update(1), number=10_000, repeat=5)) / 10_000
    assert seconds < 5e-6  # about 0.2 on a quiet machine; wide, because tests share theirs


def test_reader_skips_dead_and_old(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with Progress("alive", "training", 10, tmp_path / "alive.json", None):
        text = json.loads((tmp_path / "alive.json").read_text())
        (tmp_path / "dead.json").write_text(json.dumps({**text, "task": "dead", "pid": child.pid}))
        (tmp_path / "remote.json").write_text(
            json.dumps({**text, "task": "remote", "pid": child.pid, "host": "elsewhere"})
        )
        assert [report.task for report in read_reports(tmp_path)] == ["alive", "remote"]
        assert read_reports(tmp_path, now=text["updated"] + 61) == []
    assert read_reports(tmp_path / "absent") == []


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (20.6, "0:21"), (59.6, "1:00"), (3723, "1:02:03")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_line_without_images() -> None:
    report = Report("a", "truth", 3, 4, 0.25, None, 4.0, 0.0, 1, "host")
    assert str(report) == "a: truth 3/4 (75 %), 0.25 steps/s, ETA 0:04"
