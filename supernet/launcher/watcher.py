"""Progress of a Snakemake from within: the records of its log become the display of `supernet run`.

The package `snakemake_logger_plugin_supernet` uses it for `snakemake --logger supernet`.
"""

import contextlib
import logging
import threading
import time
from pathlib import Path
from typing import TextIO

from supernet.launcher.display import Display, open_display
from supernet.launcher.failure import failed_jobs
from supernet.launcher.log_reader import LogReader
from supernet.launcher.messages import Caption, many
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import duration, read_reports

_POLL = 0.5
"""Seconds between two updates of the display."""
_LOGS = ".snakemake/log"
"""Folder of Snakemake's logs."""
_STOPPED = "Terminating processes on user request"
"""Start of Snakemake's message after Ctrl-C."""


class Watcher:
    """Shows the log records of one Snakemake on a stream, and a summary when it is closed. Thread-safe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._workflow = Workflow()
        self._reader = LogReader(self._workflow)
        self._studies: list[dict[str, str]] = []
        self._places = ""
        """Number of cores or of cluster jobs at once."""
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._closing = contextlib.ExitStack()
        self._display: Display | None = None
        self._thread: threading.Thread | None = None

    def read(self, record: logging.LogRecord, text: str) -> None:
        """Process a record and its text, which is the one that Snakemake prints without a plugin."""
        with self._lock:
            if study := getattr(record, "supernet", None):
                self._studies.append(study)
            if cores := getattr(record, "cores", None):
                self._places = many(cores, "core")
            if nodes := getattr(record, "nodes", None):
                self._places = f"{many(nodes, 'job')} at once"
            before = len(self._workflow.messages)
            # The empty line ends the block of the record before.
            for line in ("", *text.splitlines()):
                self._workflow.stopping |= line.startswith(_STOPPED)
                self._reader.read(line, time.monotonic())
            if self._workflow.total and self._thread is None:
                self._open()
            # The display has a line for each failed job.
            if record.levelno >= logging.WARNING and not text.startswith("RuleException"):
                self._say("\n".join(self._workflow.messages[before:]))

    def close(self) -> None:
        """Remove the panel and print a summary."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._show()
            self._closing.close()
            self._display = None
            self._say(self._summary())

    def _open(self) -> None:
        """Open the display: the studies and the number of jobs are known."""
        studies = ", ".join(f"study {study['study']} -> {study['results']}" for study in self._studies)
        headline = ", ".join(filter(None, (studies, self._places))) or "Snakemake"
        self._display = self._closing.enter_context(open_display(Caption(headline, _LOGS), self._stream))
        self._show()
        self._thread = threading.Thread(target=self._poll, name="display", daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while not self._ended.wait(_POLL):
            with self._lock:
                self._show()

    def _show(self) -> None:
        if self._display is not None:
            folders = [Path(study["state"], "progress") for study in self._studies]
            reports = [report for folder in folders for report in read_reports(folder)]
            self._display.show(self._workflow, reports, time.monotonic())

    def _say(self, text: str) -> None:
        if text and self._display is not None:
            self._display.say(text)
        elif text:
            print(text, file=self._stream, flush=True)

    def _summary(self) -> str:
        if self._workflow.nothing_to_do:
            return "Nothing to do: all results are up to date."
        if not self._workflow.total:
            return ""
        spent = duration(time.monotonic() - self._start)
        done = f"{self._workflow.done} of {many(self._workflow.total, 'job')} done in {spent}; logs: {_LOGS}"
        failed = [] if self._workflow.stopping else failed_jobs(self._workflow, Path.cwd())
        return "\n".join([*failed, done])
