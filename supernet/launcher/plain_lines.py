"""Progress as plain lines, for a pipe or a file."""

from collections.abc import Sequence
from typing import TextIO

from supernet.launcher.messages import STOPPING, Caption, many, time_left
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import Report, duration

_INTERVAL = 15.0
"""Seconds between two progress lines."""


class PlainLines:
    """Prints the number of jobs, each failure at once, and the counts every 15 seconds."""

    def __init__(self, caption: Caption, stream: TextIO) -> None:
        self._caption, self._stream = caption, stream
        self._start: float | None = None
        self._due = 0.0
        self._failures = 0
        self._stopping = False

    def show(self, workflow: Workflow, reports: Sequence[Report], now: float) -> None:
        """Print the lines that are due."""
        if workflow.stopping and not self._stopping:
            self._stopping = True
            self.say(STOPPING)
        if self._start is None and workflow.total:
            self._start, self._due = now, now + _INTERVAL
            self.say(f"{self._caption.headline}: {many(workflow.total, 'job')} to do; log: {self._caption.log}")
        for failure in [] if workflow.stopping else workflow.failures[self._failures :]:
            self.say(f"{failure.headline}; {many(len(workflow.running), 'job')} still running")
        self._failures = len(workflow.failures)
        if self._start is not None and now >= self._due:
            self._due = now + _INTERVAL
            counts = f"{workflow.done} of {workflow.total} jobs done, {len(workflow.running)} running"
            self.say(f"{duration(now - self._start)} {counts}, {time_left(workflow, reports, now)}")
            for report in reports:
                self.say(f"    {report}")

    def say(self, text: str) -> None:
        """Print a text."""
        print(text, file=self._stream, flush=True)
