"""Texts that the displays and the final messages share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from supernet.launcher.options import Options
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import Report, duration

RERUN_HINT = "run the same command again: finished results are kept, trainings resume from their last checkpoint."
STOPPING = "stopping: running jobs save their state; a second Ctrl-C ends them at once"


@dataclass(frozen=True)
class Caption:
    """Texts about a run that do not change with its progress."""

    headline: str
    log: str
    """Path of the log, or of the folder with the logs."""

    @classmethod
    def of(cls, options: Options) -> Self:
        """Return the study, the number of cores and the folder of the results, with the log of `supernet run`."""
        return cls(f"study {options.study} on {many(options.cores, 'core')} -> {options.folder}", str(options.log))


def time_left(workflow: Workflow, reports: Sequence[Report], now: float) -> str:
    """Return the estimated time to the end of the workflow, with `>` if some rules have no finished job yet."""
    seconds, least = workflow.eta(now, reports)
    return "ETA unknown" if seconds is None else f"ETA {'>' if least else '~'}{duration(seconds)}"


def many(count: int, noun: str) -> str:
    """Return a count with its noun: `1 job`, `2 jobs`."""
    return f"{count} {noun}{'s' * (count != 1)}"
