"""The program behind `make run`: runs Snakemake, shows its progress, explains failures, prints the outcome.

Snakemake writes to `state/{study}/run.log`, not to a pipe: a front program that is stopped or killed cannot
block it, and a lock on that file keeps a second run of the study away while anything of the first is alive.
"""

import argparse
import contextlib
import fcntl
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TextIO

from supernet import cli
from supernet.errors import UserError
from supernet.progress import Report, duration, read_reports

if TYPE_CHECKING:  # imported where they are used: a start of the program must not wait for them
    from rich.console import RenderableType
    from rich.live import Live

    from supernet.paper.load import Results

ROOT = Path(__file__).absolute().parent.parent
_POLL = 0.2
"""Seconds between two looks at Snakemake's output."""
_LINE_INTERVAL = 15.0
"""Seconds between two progress lines where there is no terminal."""
_WIDE = 100
"""Columns of a terminal from which on bars are drawn instead of percentages."""
_GROUP = "front program: Snakemake's process group is"
"""The line of the front program in Snakemake's log; followed by the number."""
_TAIL = 20
"""Lines of a failed job's log that are shown."""
_GO_ON = "run the same command again: what is finished is kept, trainings resume at their last checkpoint."


@dataclass(frozen=True)
class Options:
    """The command line."""

    study: str
    cores: int
    results: str
    config: tuple[str, ...]
    targets: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def state(self) -> Path:
        """Folder of checkpoints, progress files and the log, from the root."""
        return Path("state", self.study)

    @property
    def log(self) -> Path:
        """Everything that Snakemake says, from the root."""
        return self.state / "run.log"

    @property
    def folder(self) -> Path:
        """Folder of the study's results, from the root."""
        return Path(self.results, self.study)

    def command(self) -> list[str]:
        """Snakemake's command line; options that take several values come after the targets."""
        config = ["--config", *self.config] if self.config else []
        triggers = ["--rerun-triggers", "mtime", "params", "input"]
        snakemake = [sys.executable, "-m", "snakemake", *self.targets, "--cores", str(self.cores)]
        return [*snakemake, *triggers, "--rerun-incomplete", "--nocolor", *config, *self.extra]


def main(arguments: Sequence[str]) -> None:
    """Run a study; exits with Snakemake's code, or 128 + n if signal n ended it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    options = _parse(arguments)
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*", options.study):
        raise UserError(f"study {options.study!r}: expected the name of a file in workflow/studies, without .yaml")
    start = time.monotonic()
    workflow = Workflow()
    with _locked_log(ROOT / options.log) as log, Snakemake(options.command(), log) as snakemake:
        with _display(options) as display:
            _watch(snakemake, workflow, display, options)
        seconds = time.monotonic() - start
    if not snakemake.code:
        print(_conclusion(workflow, options, seconds))
    elif snakemake.signals:
        print(f"stopped after {duration(seconds)}; {_GO_ON}")
    else:
        print(_explanation(workflow, snakemake.code, options), file=sys.stderr)
    sys.exit(snakemake.code)


def _parse(arguments: Sequence[str]) -> Options:
    ours = list(takewhile(lambda argument: argument != "--", arguments))
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Run a study with Snakemake and show its progress.",
        epilog="What follows -- goes to Snakemake as it is, for example: run.py -- --dry-run",
    )
    parser.add_argument("--study", help="name of a file in workflow/studies/ (default: the one in config.yaml)")
    parser.add_argument(
        "--cores", type=_positive, default=_available_cores(), help="cores to use (default: %(default)s)"
    )
    parser.add_argument("--results", help="folder of all results (default: the one in config.yaml)")
    parser.add_argument("targets", nargs="*", help="files or rules to make (default: everything)")
    found = parser.parse_args(ours)
    given = {"study": found.study, "results": found.results}
    defaults = {"study": "mini", "results": "results", **_config(ROOT / "config.yaml")}
    return Options(
        study=found.study or str(defaults["study"]),
        cores=found.cores,
        results=found.results or str(defaults["results"]),
        config=tuple(f"{key}={value}" for key, value in given.items() if value),
        targets=tuple(found.targets),
        extra=tuple(arguments[len(ours) + 1 :]),
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"found {value}; expected 1 or more")
    return value


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _config(path: Path) -> dict[str, object]:
    """The top level of config.yaml as far as it can be read: its errors are the Snakefile's to report."""
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, yaml.YAMLError):
        return {}
    found = found if isinstance(found, dict) else {}
    return {key: value for key, value in found.items() if value is not None}


# --- Snakemake as a child process


@contextlib.contextmanager
def _locked_log(path: Path) -> Iterator[TextIO]:
    """An empty log that only one run at a time can have; raises UserError if another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.seek(0)
            group = next((line.split()[-1] for line in log if line.startswith(_GROUP)), "unknown")
            raise UserError(
                f"{path}: a run of this study is at work; follow it with `tail -f {path}`, wait for it, or "
                f"stop it with Ctrl-C where it was started (`kill -INT -- -{group}` if that program is gone)"
            ) from None
        except OSError:
            # A file system without locks: Snakemake's own still stops a second run, with a longer message.
            pass
        log.truncate(0)
        yield log


class Snakemake:
    """Snakemake in its own process group; SIGINT, SIGTERM and SIGHUP go to it while the context is open.

    A terminal sends Ctrl-C to the front program only, which passes it on once to the whole group, so that
    jobs can save their state. The second signal ends the jobs, the third kills them.
    """

    def __init__(self, command: Sequence[str], log: TextIO) -> None:
        self.signals = 0
        """How many signals have come."""
        self.code = 0
        self._command = command
        self._log = log
        self._output = open(log.name, "rb")  # noqa: SIM115 (closed on exit)
        self._partial = b""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        caught = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # ignored under nohup, and stays so
            caught.append(signal.SIGHUP)
        self._handlers = {number: signal.signal(number, self._forward) for number in caught}
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=0,
        )
        self._log.write(f"{_GROUP} {self._process.pid}\n")
        self._log.flush()
        if self.signals:
            self._send(signal.SIGINT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:  # the front program failed: its child must not go on unseen
            self._send(signal.SIGINT)
        code = self._process.wait()
        if code < 0:  # jobs of a killed Snakemake would write into the next run's files
            self._send(signal.SIGTERM)
        self.code = code if code >= 0 else 128 - code
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._output.close()

    def running(self) -> bool:
        """Whether Snakemake still runs."""
        return self._process is not None and self._process.poll() is None

    def lines(self, last: bool = False) -> list[str]:
        """Lines of output since the last call; the last call also gives a line without an end."""
        *whole, self._partial = (self._partial + self._output.read()).split(b"\n")
        if last and self._partial:
            whole.append(self._partial)
        return [line.decode("utf-8", errors="replace") for line in whole]

    def _forward(self, number: int, frame: FrameType | None) -> None:
        steps = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        self._send(steps[min(self.signals, len(steps) - 1)])
        self.signals += 1

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # the group has just ended
                os.killpg(self._process.pid, number)


# --- What Snakemake's output says


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
    """A running job."""

    message: str
    start: float


_EVENT = re.compile(r"\[\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}\]")
_STEPS = re.compile(r"(\d+) of (\d+) steps \(.*\) done")
_START = re.compile(r"Job (\d+): (.*)")
_RULE = re.compile(r"(?:local)?(?:rule|checkpoint) (\w+):")
_FINISH = re.compile(r"Finished jobid: (\d+) \(Rule: (\w+)\)")
_ERROR = re.compile(r"Error in (?:rule|group) (\S+):")
_FIELD = re.compile(r" {4}(jobid|log): (.*)")
_COUNT = re.compile(r"(\w+) +(\d+)")
_STATUS = re.compile(r"(?:exit status \d+|died with <Signals\.\w+)")
_CHATTER = re.compile(
    r"Assuming unrestricted|SNAKEMAKE$|=+$| {2}[A-Z][\w() ]*: |Building DAG|Using shell|Provided |"
    r"Rules claiming|Select jobs|Execute \d|Reason: |Shutting down|Exiting because|Complete log|Elapsed time|"
    rf"{_GROUP}"
)


@dataclass
class Workflow:
    """What Snakemake has said so far; jobs are counted as it counts them, with the final target as one."""

    done: int = 0
    total: int = 0
    nothing_to_do: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    running: dict[str, Job] = field(default_factory=dict)
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: list[Failure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """Lines that are no part of Snakemake's regular report: messages of the Snakefile, errors, warnings."""
    last_started: str = ""
    stopping: bool = False
    """The user has stopped it: jobs that fail from then on are not reported."""
    _began: float | None = None
    _loose: list[str] = field(default_factory=list)
    _block: str = ""

    def read(self, line: str, now: float) -> None:
        """Take in one line that was seen at monotonic time `now`."""
        if _EVENT.fullmatch(line) or not line.strip():
            self._block = ""
        elif self._block in ("rule", "error") and line.startswith("    "):
            self._field(line, now)
        elif self._block == "stats":
            self._count(line)
        elif match := _STEPS.fullmatch(line):
            self.done, self.total = int(match[1]), int(match[2])
        elif match := _START.fullmatch(line):
            self._start(match[1], match[2], now)
        elif match := _RULE.fullmatch(line):
            self._block, self._rule = "rule", match[1]
        elif match := _FINISH.fullmatch(line):
            self._finish(match[1], match[2], now)
        elif match := _ERROR.fullmatch(line):
            self._fail(match[1])
        elif line == "Job stats:":
            self._block, self.counts = "stats", {}
        elif line.startswith("Nothing to be done"):
            self.nothing_to_do = True
        elif not _CHATTER.match(line):
            self._loose.append(line)
            self.remarks.append(line)

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

    def _count(self, line: str) -> None:
        if match := _COUNT.fullmatch(line):
            if match[1] == "total":
                self.total = int(match[2])
            elif match[1] != "job":
                self.counts[match[1]] = int(match[2])

    def _field(self, line: str, now: float) -> None:
        match = _FIELD.fullmatch(line)
        if match is None:
            return
        if self._block == "rule":
            if match[1] == "jobid":
                self._start(match[2], self._rule, now)
        elif match[1] == "jobid":
            job = self.running.pop(match[2], None)
            self.failures[-1].message = job.message if job else ""
        else:
            self.failures[-1].logs = tuple(match[2].removesuffix(" (check log file(s) for error details)").split(", "))

    def _start(self, job: str, message: str, now: float) -> None:
        self.running[job] = Job(message, now)
        self.last_started = message
        self._began = now if self._began is None else self._began
        self._loose.clear()

    def _finish(self, job: str, rule: str, now: float) -> None:
        if job in self.running:
            self.seconds[rule].append(now - self.running.pop(job).start)
        self._loose.clear()

    def _fail(self, rule: str) -> None:
        said = tuple(takewhile(lambda line: line != "RuleException:", self._loose))
        status = _STATUS.search(" ".join(self._loose))
        self.failures.append(Failure(rule, said=said, status=status[0].replace("<Signals.", "") if status else ""))
        self._loose.clear()
        self._block = "error"


# --- While it runs


class Display(Protocol):
    """Something that shows a workflow's progress."""

    def show(self, workflow: Workflow, reports: Sequence[Report], now: float) -> None:
        """Called several times a second."""


@contextlib.contextmanager
def _display(options: Options) -> Iterator[Display]:
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        yield Lines(options)
        return
    from rich.live import Live

    with Live(auto_refresh=False, transient=True) as live:
        yield Panel(options, live)


def _watch(snakemake: Snakemake, workflow: Workflow, display: Display, options: Options) -> None:
    """Read and show until Snakemake has ended."""
    running = True
    while running:
        running = snakemake.running()
        now = time.monotonic()
        workflow.stopping = snakemake.signals > 0
        for line in snakemake.lines(last=not running):
            workflow.read(line, now)
        reports = read_reports(ROOT / options.state / "progress")
        display.show(workflow, reports, now)
        if running:
            time.sleep(_POLL)


class Lines:
    """Plain lines, for a pipe or a file: the plan, each failure at once, and the counts every 15 seconds."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._start: float | None = None
        self._due = 0.0
        self._failures = 0
        self._stopping = False

    def show(self, workflow: Workflow, reports: Sequence[Report], now: float) -> None:
        """Print what is due."""
        if workflow.stopping and not self._stopping:
            self._stopping = True
            print(_STOPPING)
        if self._start is None and workflow.total:
            self._start, self._due = now, now + _LINE_INTERVAL
            print(f"{_headline(self._options)}: {_many(workflow.total, 'job')} to do; log: {self._options.log}")
        for failure in [] if workflow.stopping else workflow.failures[self._failures :]:
            print(f"FAILED: {failure}; {_many(len(workflow.running), 'job')} still running")
        self._failures = len(workflow.failures)
        if self._start is not None and now >= self._due:
            self._due = now + _LINE_INTERVAL
            counts = f"{workflow.done} of {workflow.total} jobs done, {len(workflow.running)} running"
            print(f"{duration(now - self._start)} {counts}, {_time_left(workflow, reports, now)}")
            for report in reports:
                print(f"    {report}")


class Panel:
    """A live panel on a terminal: all jobs, one bar for each long one, and where everything is."""

    def __init__(self, options: Options, live: "Live") -> None:
        self._options = options
        self._live = live
        self._start = time.monotonic()

    def show(self, workflow: Workflow, reports: Sequence[Report], now: float) -> None:
        """Draw anew."""
        from rich.console import Group
        from rich.text import Text

        head = f"{_headline(self._options)}, {duration(now - self._start)}"
        foot = f"log: {self._options.log}   Ctrl-C stops; the next start goes on from there"
        if workflow.stopping:
            foot = _STOPPING
        parts: list[RenderableType] = [Text(head, style="bold"), self._bars(workflow, reports, now)]
        if not workflow.stopping:
            parts += [Text(f"FAILED: {failure}", style="bold red") for failure in workflow.failures]
        if workflow.last_started:
            parts.append(Text(f"last started: {workflow.last_started}", style="dim", overflow="ellipsis", no_wrap=True))
        self._live.update(Group(*parts, Text(foot, style="dim")), refresh=True)

    def _bars(self, workflow: Workflow, reports: Sequence[Report], now: float) -> "RenderableType":
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        if not workflow.total:
            return "reading the workflow ..."
        wide = self._live.console.width >= _WIDE
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for _ in range(4):
            table.add_column(no_wrap=True)

        def add(name: str, done: int, total: int, *cells: str) -> None:
            bar = ProgressBar(total, done, width=20) if wide else f"{100 * done // max(total, 1)} %"
            table.add_row(name, bar, *cells)

        steps = f"{workflow.done}/{workflow.total} jobs"
        left = _time_left(workflow, reports, now)
        add("all jobs", workflow.done, workflow.total, steps, f"{len(workflow.running)} running", left)
        for report in reports:
            steps = f"{report.phase} {report.done}/{report.total}" if wide else report.phase
            left = "" if report.eta_s is None else f"ETA {duration(report.eta_s)}"
            add(report.task, report.done, report.total, steps, report.speed, left)
        return table


_STOPPING = "stopping: running jobs save their state; a second Ctrl-C ends them at once"


def _headline(options: Options) -> str:
    return f"study {options.study} on {_many(options.cores, 'core')} -> {options.folder}"


def _time_left(workflow: Workflow, reports: Sequence[Report], now: float) -> str:
    seconds, least = workflow.eta(now, reports)
    return "ETA unknown" if seconds is None else f"ETA {'>' if least else '~'}{duration(seconds)}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


# --- When it has ended


def _explanation(workflow: Workflow, code: int, options: Options) -> str:
    """Why it failed and what to do, from the failed jobs; else what the Snakefile or Snakemake said."""
    if not workflow.failures:
        text = workflow.remarks[-2 * _TAIL :]
        if code > 128:
            text.append(f"Snakemake was ended by signal {code - 128} ({signal.Signals(code - 128).name}); {_GO_ON}")
        if any(line.startswith("LockException") for line in workflow.remarks):
            python = os.path.relpath(sys.executable, ROOT)
            unlock = f"{python} scripts/run.py --study {options.study} -- --unlock"
            text.append(f"If no other Snakemake is at work here, remove the lock: {unlock}")
        return "\n".join(text or [f"Snakemake failed with exit code {code}; see {options.log}"])
    first, *others = workflow.failures
    text = [f"FAILED: {first}", *(f"  {line}" for line in first.said)]
    for log in first.logs:
        text += _tail(log)
    text += [f"also failed: {other}" for other in others]
    text += ["", f"To do: correct the cause, then {_GO_ON}", f"All that Snakemake said: {options.log}"]
    return "\n".join(text)


def _tail(log: str) -> list[str]:
    path = ROOT / log
    if not path.is_file():
        return [f"log: {log} (the job did not get so far as to write it)"]
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        f"log: {log}, its last {min(len(lines), _TAIL)} lines:",
        *(f"  | {line}" for line in lines[-_TAIL:]),
    ]


def _conclusion(workflow: Workflow, options: Options, seconds: float) -> str:
    """What came out: the time, the table that matters, and where tables and figures are."""
    if not workflow.done and not workflow.nothing_to_do:  # a dry run, a lint, ...: the output itself was asked for
        lines = (ROOT / options.log).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith(_GROUP))
    if workflow.nothing_to_do:
        text = [f"Nothing to do: all results are up to date ({duration(seconds)}).", ""]
    else:
        text = [f"Done: {_many(workflow.done, 'job')} in {duration(seconds)}.", ""]
    text += [*_summary(options), ""]
    for name in ("tables", "figures"):
        files = [path for path in (ROOT / options.folder / name).rglob("*") if path.is_file()]
        if files:
            text.append(f"{name + ':':<9}{options.folder / name}/ ({_many(len(files), 'file')})")
    return "\n".join([*text, f"{'log:':<9}{options.log}"])


def _summary(options: Options) -> list[str]:
    folder = ROOT / options.folder
    if not (folder / "metrics.parquet").exists():
        return [f"No summary: {options.folder / 'metrics.parquet'} has not been made yet."]
    # Here, because they take a second that an error or a dry run need not wait for.
    from supernet.paper.load import Results
    from supernet.study import load_study

    results = Results(load_study(ROOT / "workflow" / "studies" / f"{options.study}.yaml"), folder)
    columns = [list(_LABELS), *([space, *_column(results, space)] for space in results.spaces)]
    widths = [max(map(len, column)) for column in columns]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*columns, strict=True)
    ]
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    title = "Baseline super-nets: batch statistics, scoring split; mean over seeds [95 % interval over the pool]"
    return [title, rule, rows[0].rstrip(), rule, *(row.rstrip() for row in rows[1:]), rule]


_LABELS = (
    "",
    "seeds",
    "super-net accuracy",
    "KdT",
    "S-KdT",
    "  by parameters alone",
    "  by multiply-adds",
    "  ceiling, seed to seed",
    "P>R",
    "final performance",
    "truth, mean and best",
)


def _column(results: "Results", space: str) -> list[str]:
    """Cells of a space below its name, in the order of the labels."""
    from supernet.paper.summary import Summary, summary

    def percent(found: Summary) -> str:
        return f"{100 * found.mean:.1f} %" if found.seeds else found.state

    def tau(low: float, mean: float, high: float) -> str:
        return f"{mean:.2f} [{low:.2f}, {high:.2f}]" if mean == mean else "undefined"

    metrics = ("accuracy", "kdt", "s_kdt", "p_surpass", "final_mean")
    accuracy, kdt, s_kdt, surpass, final = (summary(results, space, "baseline", metric) for metric in metrics)
    references = [results.reference(space, name, "s_kdt") for name in ("parameters", "macs", "seed")]
    facts = results.facts[space]
    return [
        f"{accuracy.seeds}" + (f" ({accuracy.diverged} diverged)" if accuracy.diverged else ""),
        percent(accuracy),
        *(tau(found.low, found.mean, found.high) if found.seeds else found.state for found in (kdt, s_kdt)),
        *(tau(found.low, found.value, found.high) for found in references),
        f"{surpass.mean:.3f} (rank in {facts.quantile})" if surpass.seeds else surpass.state,
        percent(final),
        f"{100 * facts.truth_mean:.1f} %, {100 * facts.truth_max:.1f} %",
    ]


if __name__ == "__main__":
    cli.run(main)
