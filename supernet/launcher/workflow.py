"""How far a workflow is: its jobs, its failures, the time that is left."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from supernet.runtime.progress import Report


@dataclass
class Failure:
    """A failed job: what it was for, its rule and logs, and what it wrote before the error."""

    rule: str
    message: str = ""
    logs: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    status: str = ""

    def __str__(self) -> str:
        """One line: what the job was for, its rule, how it ended."""
        return f"{self.message or self.rule} (rule {self.rule}{', ' * bool(self.status)}{self.status})"


class Job(NamedTuple):
    """A running job: what it is for, and the monotonic time when it was seen to start."""

    message: str
    start: float


@dataclass
class Workflow:
    """What is known of a workflow; jobs are counted as Snakemake counts them, with the final target as one."""

    done: int = 0
    total: int = 0
    nothing_to_do: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    """Jobs to do, by rule."""
    running: dict[str, Job] = field(default_factory=dict)
    """Running jobs, by Snakemake's number."""
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """How long the finished jobs took, by rule."""
    failures: list[Failure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """Lines that are no part of Snakemake's regular report: messages of the Snakefile, errors, warnings."""
    last_started: str = ""
    stopping: bool = False
    """The user has stopped it: jobs that fail from then on are not reported."""
    _began: float | None = None

    def start(self, job: str, message: str, now: float) -> None:
        """A job was seen to start."""
        self.running[job] = Job(message, now)
        self.last_started = message
        self._began = now if self._began is None else self._began

    def finish(self, job: str, rule: str, now: float) -> None:
        """A job was seen to finish."""
        if job in self.running:
            self.seconds[rule].append(now - self.running.pop(job).start)

    def eta(self, now: float, reports: Sequence[Report]) -> tuple[float | None, bool]:
        """Seconds to the end, and whether that leaves out rules of which no job has finished yet.

        Jobs to come take as long as the finished ones of their rule, and as many run at once as did so far.
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
