"""Words that several parts of what is shown have in common."""

from collections.abc import Sequence

from supernet.launcher.options import Options
from supernet.launcher.workflow import Workflow
from supernet.runtime.progress import Report, duration

GO_ON = "run the same command again: what is finished is kept, trainings resume at their last checkpoint."
STOPPING = "stopping: running jobs save their state; a second Ctrl-C ends them at once"


def headline(options: Options) -> str:
    """What runs, on what, and where its results go."""
    return f"study {options.study} on {many(options.cores, 'core')} -> {options.folder}"


def time_left(workflow: Workflow, reports: Sequence[Report], now: float) -> str:
    """The time to the end of the workflow; `>` if it is longer by what nothing is known of yet."""
    seconds, least = workflow.eta(now, reports)
    return "ETA unknown" if seconds is None else f"ETA {'>' if least else '~'}{duration(seconds)}"


def many(count: int, noun: str) -> str:
    """A count with its noun: `1 job`, `2 jobs`."""
    return f"{count} {noun}{'s' * (count != 1)}"
