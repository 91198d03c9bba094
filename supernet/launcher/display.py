"""Chooses the progress display: a live panel on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

from supernet.launcher.options import Options
from supernet.launcher.plain_lines import PlainLines
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import Report


class Display(Protocol):
    """Shows the progress of a workflow."""

    def show(self, workflow: Workflow, reports: Sequence[Report], now: float) -> None:
        """Update the display; called several times per second."""


@contextlib.contextmanager
def open_display(options: Options) -> Iterator[Display]:
    """Yield the display for standard output; a panel is erased at the end, and the cursor shown again."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield PlainLines(options)
        return
    # Imported here, because plain lines do not need them.
    from rich.live import Live

    from supernet.launcher.panel import Panel

    with Live(auto_refresh=False, transient=True) as live:
        yield Panel(options, live)
