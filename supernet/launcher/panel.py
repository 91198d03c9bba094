"""Progress as a live panel on a terminal."""

import time
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from supernet.launcher.messages import STOPPING, Caption, time_left
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import Report, duration

_WIDE = 100
"""Width of a terminal in columns from which bars are drawn instead of percentages."""


class Panel:
    """A live panel: a bar for all jobs, one bar per long job, failures, the path of the log."""

    def __init__(self, caption: Caption, live: Live) -> None:
        self._caption = caption
        self._live = live
        self._start = time.monotonic()

    def show(self, workflow: Workflow, reports: Sequence[Report], now: float) -> None:
        """Draw the panel again."""
        head = f"{self._caption.headline}, {duration(now - self._start)}"
        foot = f"log: {self._caption.log}   Ctrl-C stops; the next run resumes"
        if workflow.stopping:
            foot = STOPPING
        parts: list[RenderableType] = [Text(head, style="bold"), self._bars(workflow, reports, now)]
        if not workflow.stopping:
            parts += [
                Text(failure.headline, style="bold red") for failure in workflow.failures if not failure.restarted
            ]
        if workflow.last_started:
            parts.append(Text(f"last started: {workflow.last_started}", style="dim", overflow="ellipsis", no_wrap=True))
        self._live.update(Group(*parts, Text(foot, style="dim")), refresh=True)

    def say(self, text: str) -> None:
        """Print a text above the panel."""
        self._live.console.print(text, markup=False, highlight=False)

    def _bars(self, workflow: Workflow, reports: Sequence[Report], now: float) -> RenderableType:
        if not workflow.total:
            return "reading the workflow ..."
        wide = self._live.console.width >= _WIDE
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for _ in range(4):
            table.add_column(no_wrap=True)

        def add(name: str, done: int, total: int, *cells: str) -> None:
            bar = ProgressBar(total, done, width=20) if wide else f"{100 * done // max(total, 1)} %"
            table.add_row(name, bar, *cells)

        steps = f"{workflow.done}/{workflow.total} jobs"
        left = time_left(workflow, reports, now)
        add("all jobs", workflow.done, workflow.total, steps, f"{len(workflow.running)} running", left)
        for report in reports:
            steps = f"{report.phase} {report.done}/{report.total}" if wide else report.phase
            left = "" if report.eta_s is None else f"ETA {duration(report.eta_s)}"
            add(report.task, report.done, report.total, steps, report.speed, left)
        return table
