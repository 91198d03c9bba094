"""Run a study with Snakemake: show its progress, explain failures, print the outcome."""

import io
import sys
import time
from collections.abc import Sequence

from supernet.launcher.display import Display, open_display
from supernet.launcher.failure import failure_message
from supernet.launcher.log import locked_log
from supernet.launcher.log_reader import LogReader
from supernet.launcher.messages import RERUN_HINT, Caption
from supernet.launcher.options import Options, parse
from supernet.launcher.snakemake import Snakemake
from supernet.launcher.success import success_message
from supernet.launcher.workflow import Workflow
from supernet.runtime.checkout import checkout, config_file, working_folder
from supernet.runtime.progress import duration, read_reports

_POLL = 0.2
"""Seconds between two reads of Snakemake's output."""


def main(arguments: Sequence[str]) -> None:
    """Run a study and exit with Snakemake's code, or 128 + n if signal n ended it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    options = parse(arguments, working_folder(), checkout(), config_file())
    start = time.monotonic()
    workflow = Workflow()
    with locked_log(options.root / options.log) as log, Snakemake(options.command(), options.root, log) as snakemake:
        with open_display(Caption.of(options), sys.stdout) as display:
            _watch(snakemake, workflow, display, options)
        seconds = time.monotonic() - start
    if not snakemake.code:
        print(success_message(workflow, options, seconds))
    elif snakemake.signals:
        print(f"stopped after {duration(seconds)}; {RERUN_HINT}")
    else:
        print(failure_message(workflow, snakemake.code, options), file=sys.stderr)
    sys.exit(snakemake.code)


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
