"""Reads the state of a workflow from the lines of Snakemake's log."""

import re
from itertools import takewhile

from supernet.launcher.log import GROUP
from supernet.launcher.workflow import Failure, Workflow

_EVENT = re.compile(r"\[\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}\]")
_STEPS = re.compile(r"(\d+) of (\d+) steps \(.*\) done")
_START = re.compile(r"Job (\d+): (.*)")
_RULE = re.compile(r"(?:local)?(?:rule|checkpoint) (\w+):")
_FINISH = re.compile(r"Finished jobid: (\d+) \(Rule: (\w+)\)")
_ERROR = re.compile(r"Error in (?:rule|group) (\S+):")
_RESTART = re.compile(r"Trying to restart job (\d+)\.")
_FIELD = re.compile(r" {4}(jobid|log): (.*)")
_COUNT = re.compile(r"(\w+) +(\d+)")
_STATUS = re.compile(r"(?:exit status \d+|died with <Signals\.\w+)")
_CHATTER = re.compile(
    r"Assuming unrestricted|SNAKEMAKE$|=+$| {2}[A-Z][\w() ]*: |Building DAG|Using shell|Provided |"
    r"Rules claiming|Select jobs|Execute \d|Reason: |Shutting down|Exiting because|Complete log|Elapsed time|"
    r"Conda environments: ignored|"
    rf"{GROUP}"
)


class LogReader:
    """Updates a workflow from its log, line by line; the meaning of a line depends on the lines before it."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow
        self._block = ""
        self._rule = ""
        self._loose: list[str] = []
        """Unrecognised lines since a job last started, finished or failed: the output of the next job that fails."""

    def read(self, line: str, now: float) -> None:
        """Process the next line, which was read at monotonic time `now`."""
        if _EVENT.fullmatch(line) or not line.strip():
            self._block = ""
        elif self._block in ("rule", "error") and line.startswith("    "):
            self._field(line, now)
        elif self._block == "stats":
            self._count(line)
        elif match := _STEPS.fullmatch(line):
            self._workflow.done, self._workflow.total = int(match[1]), int(match[2])
        elif match := _START.fullmatch(line):
            self._start(match[1], match[2], now)
        elif match := _RULE.fullmatch(line):
            self._block, self._rule = "rule", match[1]
        elif match := _FINISH.fullmatch(line):
            self._workflow.finish(match[1], match[2], now)
            self._loose.clear()
        elif match := _ERROR.fullmatch(line):
            self._fail(match[1])
        elif match := _RESTART.fullmatch(line):
            self._restart(match[1])
        elif line == "Job stats:":
            self._block, self._workflow.counts = "stats", {}
        elif line.startswith("Nothing to be done"):
            self._workflow.nothing_to_do = True
        elif not _CHATTER.match(line):
            self._loose.append(line)
            self._workflow.messages.append(line)

    def _count(self, line: str) -> None:
        if match := _COUNT.fullmatch(line):
            if match[1] == "total":
                self._workflow.total = int(match[2])
            elif match[1] != "job":
                self._workflow.counts[match[1]] = int(match[2])

    def _field(self, line: str, now: float) -> None:
        match = _FIELD.fullmatch(line)
        if match is None:
            return
        if self._block == "rule":
            if match[1] == "jobid":
                self._start(match[2], self._rule, now)
            return
        failure = self._workflow.failures[-1]
        if match[1] == "jobid":
            failure.job = match[2]
            job = self._workflow.running.pop(match[2], None)
            failure.message = job.message if job else ""
        else:
            failure.logs = tuple(match[2].removesuffix(" (check log file(s) for error details)").split(", "))

    def _restart(self, job: str) -> None:
        for failure in self._workflow.failures:
            failure.restarted |= failure.job == job

    def _start(self, job: str, message: str, now: float) -> None:
        self._workflow.start(job, message, now)
        self._loose.clear()

    def _fail(self, rule: str) -> None:
        output = tuple(takewhile(lambda line: line != "RuleException:", self._loose))
        status = _STATUS.search(" ".join(self._loose))
        ended = status[0].replace("<Signals.", "") if status else ""
        self._workflow.failures.append(Failure(rule, output=output, status=ended))
        self._loose.clear()
        self._block = "error"
