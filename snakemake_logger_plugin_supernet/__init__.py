"""`snakemake --logger supernet`: the progress panel of `supernet run` for any Snakemake.

Snakemake imports this module at every start, because its name has the prefix of logger plugins. The package `supernet`
is imported later, when the Snakefile has been read: Snakefiles import it from the checkout to which they belong.
"""

import json
import sys
from dataclasses import dataclass, field
from logging import LogRecord
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

if TYPE_CHECKING:
    from supernet.launcher.watcher import Watcher

__all__ = ["LogHandler", "LogHandlerSettings"]


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of Snakemake's command line for this plugin: `--logger-supernet-jobs FILE`."""

    jobs: Path | None = field(
        default=None,
        metadata={
            "help": "In a dry run: file to which its jobs are written, one JSON object per line, for `supernet plan`.",
            "type": Path,
            "metavar": "FILE",
        },
    )


class LogHandler(LogHandlerBase):
    """Shows progress on standard error: a panel on a terminal, plain lines elsewhere.

    In a dry run, and until the Snakefile has been read, it prints the texts that Snakemake prints without a plugin.
    """

    def __post_init__(self) -> None:
        """Start without a display."""
        self._watcher: Watcher | None = None
        settings = self.settings if isinstance(self.settings, LogHandlerSettings) else LogHandlerSettings()
        self._jobs = settings.jobs if self.common_settings.dryrun else None

    def emit(self, record: LogRecord) -> None:
        """Update the display from a record, or print its text; write a job of a dry run to the file of the jobs."""
        try:
            if self._jobs is not None and getattr(record, "event", None) == LogEvent.JOB_INFO:
                with self._jobs.open("a", encoding="utf-8") as stream:
                    stream.write(f"{json.dumps(_job(record))}\n")
            if self._watcher is None and self._is_started(record):
                from supernet.launcher.watcher import Watcher

                self._watcher = Watcher(sys.stderr)
            text = self.format(record) or ""
            if self._watcher is not None:
                self._watcher.read(record, text)
            elif text:
                print(text, file=sys.stderr, flush=True)
        except Exception:
            # As in the handlers of the standard library: a failure of the log does not stop the workflow.
            self.handleError(record)

    def close(self) -> None:
        """Print the summary."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        super().close()

    def _is_started(self, record: LogRecord) -> bool:
        """Return whether the Snakefile has been read: it announces its study, or the workflow has started."""
        event = getattr(record, "event", None)
        return not self.common_settings.dryrun and (hasattr(record, "supernet") or event == LogEvent.WORKFLOW_STARTED)

    @property
    def writes_to_stream(self) -> bool:
        """True: Snakemake's own output would disturb the panel."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """False: Snakemake writes its log file in addition."""
        return False

    @property
    def has_filter(self) -> bool:
        """False: Snakemake's filter applies."""
        return False

    @property
    def has_formatter(self) -> bool:
        """False: Snakemake's formatter applies."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """False: the graph of the rules is not shown."""
        return False


def _job(record: LogRecord) -> dict[str, object]:
    """Return what Snakemake says about a job as JSON: `rule`, `wildcards`, `input` and `output` (paths), `reason`."""
    said = vars(record)
    return {
        "rule": said["rule_name"],
        "wildcards": dict(said["wildcards"]),
        "input": list(map(str, said["input"])),
        "output": list(map(str, said["output"])),
        "reason": said["reason"],
    }
