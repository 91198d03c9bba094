"""Progress of long jobs: a small file per job, which `supernet run` reads, and lines in the job's log."""

import json
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_LOGGER = logging.getLogger(__name__)
_WINDOW = 15.0
"""Seconds over which a rate is measured: long enough to be stable, short enough to follow changes."""
_STALE = 60.0
"""Age in seconds after which a report is ignored: its job was killed."""


@dataclass(frozen=True)
class Report:
    """Progress of one phase of one task; the content of a progress file."""

    task: str
    phase: str
    done: int
    total: int
    rate: float | None
    """Steps per second over the recent past; None as long as it is unknown."""
    images_per_s: float | None
    """Images per second; None if steps are not batches of images."""
    eta_s: float | None
    """Seconds to the end of the phase."""
    updated: float
    """Unix time at which the file was written."""
    pid: int
    host: str

    def __str__(self) -> str:
        """Return one line, such as `darts seed 0: training 1200/2250 (53 %), 4 100 images/s, ETA 0:21`."""
        percent = 100 * self.done // self.total if self.total > 0 else 100
        parts = [f"{self.task}: {self.phase} {self.done}/{self.total} ({percent} %)", self.speed]
        if self.eta_s is not None:
            parts.append(f"ETA {duration(self.eta_s)}")
        return ", ".join(filter(None, parts))

    @property
    def speed(self) -> str:
        """Images per second, else steps per second, else an empty string."""
        if self.images_per_s is not None:
            return f"{_grouped(self.images_per_s)} images/s"
        return "" if self.rate is None else f"{_grouped(self.rate)} steps/s"


class Progress:
    """Reports the progress of one phase of a task; a context manager.

    `update` is cheap enough to be called at every step. When due, it replaces `file` (a `Report` as JSON, by rename,
    not synced to the disk) and logs a line. The file is deleted on exit, also after an error. A task with several
    phases uses several `Progress` objects in sequence with the same file.

    Args:
        task: name of the job for users, such as `nasbench201 learning_rate=0.1 seed 0`.
        phase: `training`, `scoring`, ...
        total: steps of the phase.
        file: progress file, `state/{study}/progress/{anything}.json`; None writes none.
        log: called with each line; None logs nothing.
        unit_images: images per step; 0 if steps are not batches of images.
        interval, log_interval: seconds between two writes of the file, and between two log lines.
        done: steps that a resumed job starts from; they do not count towards the rate.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        task: str,
        phase: str,
        total: int,
        file: Path | None,
        log: Callable[[str], None] | None = _LOGGER.info,
        unit_images: int = 0,
        interval: float = 1.0,
        log_interval: float = 10.0,
        done: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.task, self.phase, self.total, self.file = task, phase, total, file
        self._log, self._unit_images = log, unit_images
        self._interval, self._log_interval = interval, log_interval
        self._clock = clock
        self._first = self._done = done

    def __enter__(self) -> Self:
        now = self._clock()
        self._start = now
        self._samples = deque([(now, self._done)])
        self._log_due = now
        self._report(now)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.file is not None:
            self.file.unlink(missing_ok=True)
        if self._log is not None:
            self._log(self._closing(failed=kind is not None))

    def update(self, done: int) -> None:
        """Note that `done` steps of the phase are finished; writes and logs only when due."""
        self._done = done
        now = self._clock()
        if now >= self._due:
            self._report(now)

    def _report(self, now: float) -> None:
        self._due = now + self._interval
        if now > self._start:
            self._samples.append((now, self._done))
        # Keep the newest sample that is at least a window old: a rate spans the window, or the whole time.
        while len(self._samples) > 2 and self._samples[1][0] <= now - _WINDOW:
            self._samples.popleft()
        report = self._state()
        if self.file is not None:
            _replace(self.file, report)
        if self._log is not None and now >= self._log_due:
            self._log_due = now + self._log_interval
            self._log(str(report))

    def _state(self) -> Report:
        (then, before), (now, done) = self._samples[0], self._samples[-1]
        rate = (done - before) / (now - then) if done > before else None
        return Report(
            task=self.task,
            phase=self.phase,
            done=self._done,
            total=self.total,
            rate=rate,
            images_per_s=rate * self._unit_images if rate is not None and self._unit_images else None,
            eta_s=max(0, self.total - self._done) / rate if rate is not None else None,
            updated=time.time(),
            pid=os.getpid(),
            host=socket.gethostname(),
        )

    def _closing(self, failed: bool) -> str:
        seconds, steps = self._clock() - self._start, self._done - self._first
        end = "stopped at" if failed else "finished,"
        line = f"{self.task}: {self.phase} {end} {self._done}/{self.total}, {steps} steps in {duration(seconds)}"
        if self._unit_images and seconds > 0:
            line += f", {_grouped(steps * self._unit_images / seconds)} images/s"
        return line


def read_reports(folder: Path, now: float | None = None) -> list[Report]:
    """Return the reports of running jobs, sorted by task; ignores ended processes and files older than a minute.

    Processes of other hosts cannot be checked: their reports count by age only.
    """
    now = time.time() if now is None else now
    reports = []
    for file in folder.glob("*.json"):
        try:
            report = Report(**json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:  # its job ended after the folder was listed
            continue
        if now - report.updated <= _STALE and (report.host != socket.gethostname() or _is_running(report.pid)):
            reports.append(report)
    return sorted(reports, key=lambda report: (report.task, report.phase))


def duration(seconds: float) -> str:
    """Format seconds as `0:21` or `1:02:03`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _replace(file: Path, report: Report) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{report.pid}")
    temporary.write_text(json.dumps(asdict(report)) + "\n", encoding="utf-8")
    temporary.replace(file)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs as another user
        return True
    return True


def _grouped(value: float) -> str:
    """Format with three significant digits below 100, else with spaces between thousands."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}".replace(",", " ")
