"""Which display there is: a panel on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol

from supernet.launcher.lines import Lines
from supernet.launcher.options import Options
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import Report


class Display(Protocol):
    """Something that shows a workflow's progress."""

    def show(self, workflow: Workflow, reports: Sequence[Report], now: float) -> None:
        """Called several times a second."""


@contextlib.contextmanager
def open_display(options: Options) -> Iterator[Display]:
    """The display that fits standard output; a panel vanishes at the end and gives the cursor back."""
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield Lines(options)
        return
    # Here, because plain lines need not wait for them.
    from rich.live import Live

    from supernet.launcher.panel import Panel

    with Live(auto_refresh=False, transient=True) as live:
        yield Panel(options, live)
