"""State of a running workflow: its jobs, its failures, the estimated time left."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from supernet.runtime.progress import Report


@dataclass
class Failure:
    """A failed job: its message, rule and logs, and its output before the error."""

    rule: str
    message: str = ""
    logs: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    status: str = ""
    job: str = ""
    """Snakemake's job id."""
    restarted: bool = False
    """Whether Snakemake has started the job again."""

    @property
    def headline(self) -> str:
        """One line: what happened to which job."""
        return f"{'RESTARTED' if self.restarted else 'FAILED'}: {self}"

    def __str__(self) -> str:
        """Return one line: the job's message, its rule, its exit status."""
        return f"{self.message or self.rule} (rule {self.rule}{', ' * bool(self.status)}{self.status})"


class RunningJob(NamedTuple):
    """A running job: its message, and the monotonic time at which its start was read."""

    message: str
    start: float


@dataclass
class Workflow:
    """State of a workflow; jobs are counted as Snakemake counts them, including the final target."""

    done: int = 0
    total: int = 0
    nothing_to_do: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    """Jobs to do, by rule."""
    running: dict[str, RunningJob] = field(default_factory=dict)
    """Running jobs by Snakemake's job id."""
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Durations of the finished jobs in seconds, by rule."""
    failures: list[Failure] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    """Lines outside of Snakemake's regular report: messages of the Snakefile, errors, warnings."""
    last_started: str = ""
    stopping: bool = False
    """Whether the user has stopped the workflow; jobs that fail afterwards are not reported."""
    _began: float | None = None

    def start(self, job: str, message: str, now: float) -> None:
        """Note that a job started."""
        self.running[job] = RunningJob(message, now)
        self.last_started = message
        self._began = now if self._began is None else self._began

    def finish(self, job: str, rule: str, now: float) -> None:
        """Note that a job finished."""
        if job in self.running:
            self.seconds[rule].append(now - self.running.pop(job).start)

    def eta(self, now: float, reports: Sequence[Report]) -> tuple[float | None, bool]:
        """Return the seconds to the end, and whether they leave out rules without a finished job.

        Future jobs are assumed to take as long as the finished ones of their rule, with as many at once as so far.
        """
        finished = {rule: len(seconds) for rule, seconds in self.seconds.items()}
        left = {rule: count - finished.get(rule, 0) for rule, count in self.counts.items() if rule != "all"}
        unknown = any(left[rule] > 0 and rule not in finished for rule in left)
        longest = max((report.eta_s for report in reports if report.eta_s is not None), default=None)
        spent = sum(now - job.start for job in self.running.values())
        used = sum(map(sum, self.seconds.values())) + spent
        if self._began is None or not finished or used <= 0:
            return longest, True
        work = sum(left.get(rule, 0) * sum(times) / len(times) for rule, times in self.seconds.items())
        together = used / max(now - self._began, 1e-9)
        return max(max(0.0, work - spent) / together, longest or 0.0), unknown
