"""Progress of a download as lines of text."""

import time
from collections.abc import Callable

from supernet.runtime.progress import duration

_MEGABYTE = 1e6


class Meter:
    """Reports the progress of one transfer, at most one line per `interval` seconds.

    Args:
        name: what is transferred.
        report: called with each line.
        interval: seconds between two lines.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        name: str,
        report: Callable[[str], None],
        interval: float = 5.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._report = name, report
        self._interval, self._clock = interval, clock

    def start(self, done: int, total: int | None) -> None:
        """Start or resume: `done` bytes are present, of `total` if that is known."""
        self._first, self._total = done, total
        self._began = self._clock()
        self._due = self._began + self._interval

    def update(self, done: int) -> None:
        """Note that `done` bytes are present; report a line if one is due."""
        now = self._clock()
        if now >= self._due:
            self._due = now + self._interval
            self._report(self._line(done, now - self._began))

    def finish(self, done: int) -> None:
        """Report the last line: size and mean speed."""
        seconds = self._clock() - self._began
        self._report(f"{self._name}: {_megabytes(done)} MB, {self._speed(done, seconds)} in {duration(seconds)}")

    def _line(self, done: int, seconds: float) -> str:
        speed = self._speed(done, seconds)
        if not self._total:
            return f"{self._name}: {_megabytes(done)} MB, {speed}"
        line = f"{self._name}: {_megabytes(done)}/{_megabytes(self._total)} MB ({100 * done // self._total} %), {speed}"
        if done > self._first:
            line += f", ETA {duration(seconds * (self._total - done) / (done - self._first))}"
        return line

    def _speed(self, done: int, seconds: float) -> str:
        return f"{_megabytes((done - self._first) / max(seconds, 1e-6))} MB/s"


def _megabytes(count: float) -> str:
    """Format bytes as megabytes, with three significant digits below 100 and as an integer above."""
    value = count / _MEGABYTE
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
