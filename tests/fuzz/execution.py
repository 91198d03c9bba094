"""Runs a target on many inputs, in this process or in a separate one with limits of time and memory."""

import contextlib
import json
import multiprocessing
import os
import random
import resource
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from fuzz.target import Target
from supernet.errors import UserError

SECONDS = 5.0
"""An input that takes more seconds of the processor hangs."""
MEMORY = 1 << 30
"""Bytes of resident memory that the inputs of a target may take."""
_ADDRESSES = 4 << 30
_PATIENCE = 120.0
"""Seconds without a finished input after which a process is ended."""


class HangError(BaseException):
    """An input takes too long."""


@dataclass
class Report:
    """What came of the inputs of a target."""

    target: str
    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """Number of inputs by outcome: `read`, or the name of the error."""
    faults: dict[str, int] = field(default_factory=dict)
    """Number of the first input of each fault: a traceback, a hang or the end of the process."""
    slowest: float = 0.0
    """Seconds of the processor for the slowest input."""
    base: int = field(default_factory=lambda: _resident())
    memory: int = 0
    """Bytes by which the resident memory of the process grew at most."""

    @property
    def right(self) -> bool:
        """Whether every input was read or refused, within the limits."""
        return not self.faults and self.slowest <= SECONDS and self.memory <= MEMORY


def content_of(target: Target, seed: int, number: int) -> bytes:
    """Return an input of a target, a function of the seed and its number."""
    return target.draw(random.Random(f"{seed}/{target.name}/{number}"))


def run(target: Target, numbers: range, seed: int, folder: Path, report: Report | None = None) -> Report:
    """Read the inputs of these numbers in this process; `folder` is empty and holds the file."""
    found = Report(target.name) if report is None else report
    for number in numbers:
        path = folder / target.file
        path.write_bytes(content_of(target, seed, number))
        start = time.process_time()
        outcome = _outcome(target, path)
        spent = time.process_time() - start
        found.inputs += 1
        found.slowest = max(found.slowest, spent)
        found.outcomes[outcome.partition(":")[0]] += 1
        if outcome not in ("read", "UserError"):
            found.faults.setdefault(outcome, number)
        path.unlink(missing_ok=True)
        if left := [one.name for one in folder.iterdir()]:
            raise RuntimeError(f"{target.name}: input {number} left {', '.join(left)}")
        found.memory = max(found.memory, _resident() - found.base)
    return found


def run_apart(target: Target, count: int, seed: int) -> Report:
    """Read `count` inputs in a separate process, which starts again after an input that ends it."""
    found, number = Report(target.name), 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        report = Path(name, "report")
        while number < count:
            report.unlink(missing_ok=True)
            process = multiprocessing.get_context("fork").Process(
                target=_worker, args=(target, range(number, count), seed, report)
            )
            process.start()
            hung = _waited(process, report)
            if report.exists():
                part = json.loads(report.read_text(encoding="utf-8"))
                _add(found, Report(**{**part, "outcomes": Counter(part["outcomes"])}))
                number += part["inputs"]
            if number < count:
                what = "hang in C code" if hung else f"process ended: {process.exitcode}"
                found.faults.setdefault(what, number)
                found.outcomes[what] += 1
                found.inputs += 1
                number += 1
    return found


def _worker(target: Target, numbers: range, seed: int, path: Path) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + _ADDRESSES, used + _ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    report, temporary = Report(target.name), path.with_suffix(".part")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        for number in numbers:
            run(target, range(number, number + 1), seed, Path(name), report)
            # After each input, because the next one may end the process.
            temporary.write_text(json.dumps(vars(report)), encoding="utf-8")
            temporary.replace(path)


def _waited(process: multiprocessing.process.BaseProcess, report: Path) -> bool:
    """Wait for the end of a process; return whether it had to be ended, because no input was finished for long."""
    last, since = 0.0, time.monotonic()
    while process.is_alive():
        process.join(1)
        now = report.stat().st_mtime if report.exists() else 0.0
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > _PATIENCE:
            process.kill()
            process.join()
            return True
    return False


def _add(found: Report, part: Report) -> None:
    found.inputs += part.inputs
    found.outcomes += part.outcomes
    found.faults = {**part.faults, **found.faults}
    found.slowest, found.memory = max(found.slowest, part.slowest), max(found.memory, part.memory)


def _outcome(target: Target, path: Path) -> str:
    """Return `read`, `UserError`, or the name of another error with the place where it was raised."""
    try:
        with _limited(), _silent():
            target.read(path)
    except UserError as error:
        # Every error is printed: it must be possible to write it.
        return "UserError" if str(error).encode(errors="surrogateescape") else "UserError without a message"
    except HangError:
        return "hang"
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/supernet/" in frame.filename] or frames
        where = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
        return f"{type(error).__name__}: {where}: {str(error)[:80]!r}"
    return "read"


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: SIM117
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _resident() -> int:
    """Return the largest resident memory of this process so far in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
