"""Runs Snakemake and shows its progress until it has ended."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from supernet.launcher.display import Display, open_display
from supernet.launcher.log_reader import LogReader
from supernet.launcher.messages import Caption
from supernet.launcher.options import Options
from supernet.launcher.snakemake import Snakemake
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import read_reports

_POLL = 0.2
"""Seconds between two reads of Snakemake's output."""


def run_snakemake(options: Options, command: Sequence[str], log: TextIO) -> tuple[Snakemake, Workflow]:
    """Run Snakemake, which writes to `log`, and show its progress; return it with the state of its workflow."""
    workflow = Workflow()
    with Snakemake(command, options.root, log) as snakemake, open_display(Caption.of(options), sys.stdout) as display:
        _watch(snakemake, workflow, display, options)
    return snakemake, workflow


def _watch(snakemake: Snakemake, workflow: Workflow, display: Display, options: Options) -> None:
    """Read the log and update the display until Snakemake has ended."""
    reader = LogReader(workflow)
    running = True
    while running:
        running = snakemake.running()
        now = time.monotonic()
        workflow.stopping = snakemake.signals > 0
        for line in snakemake.lines(last=not running):
            reader.read(line, now)
        reports = read_reports(options.root / options.state / "progress")
        display.show(workflow, reports, now)
        if running:
            time.sleep(_POLL)
