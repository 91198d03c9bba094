"""Chooses the progress display: a live panel on a terminal, plain lines elsewhere."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Protocol, TextIO

from supernet.launcher.messages import Caption
from supernet.launcher.plain_lines import PlainLines
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import Report


class Display(Protocol):
    """Shows the progress of a workflow."""

    def show(self, workflow: Workflow, reports: Sequence[Report], now: float) -> None:
        """Update the display; called several times per second."""

    def say(self, text: str) -> None:
        """Print a text that stays on the screen."""


@contextlib.contextmanager
def open_display(caption: Caption, stream: TextIO) -> Iterator[Display]:
    """Yield the display for a stream; a panel is erased at the end, and the cursor shown again."""
    if not stream.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield PlainLines(caption, stream)
        return
    # Imported here, because plain lines do not need them.
    from rich.console import Console
    from rich.live import Live

    from supernet.launcher.panel import Panel

    with Live(console=Console(file=stream), auto_refresh=False, transient=True) as live:
        yield Panel(caption, live)
