"""`snakemake --logger supernet`: the progress panel of `supernet run` for any Snakemake.

Snakemake imports this module at every start, because its name has the prefix of logger plugins. The package `supernet`
is imported later, when the Snakefile has been read: Snakefiles import it from the checkout to which they belong.
"""

import sys
from logging import LogRecord
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from supernet.launcher.watcher import Watcher

__all__ = ["LogHandler"]


class LogHandler(LogHandlerBase):
    """Shows progress on standard error: a panel on a terminal, plain lines elsewhere.

    In a dry run, and until the Snakefile has been read, it prints the texts that Snakemake prints without a plugin.
    """

    def __post_init__(self) -> None:
        """Start without a display."""
        self._watcher: Watcher | None = None

    def emit(self, record: LogRecord) -> None:
        """Update the display from a record, or print its text."""
        try:
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
