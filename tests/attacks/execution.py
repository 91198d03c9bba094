"""Runs each attack in a separate process with limits of time and memory."""

import contextlib
import functools
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from attacks.attack import Attack, Outcome, Target, Verdict
from supernet.errors import UserError
from supernet.runtime import program

SECONDS = 5.0
"""A judge that takes longer hangs."""
MEMORY = 1 << 30
"""Bytes of resident memory that a judge may use."""
_MUTATION_S = 120.0
"""Time limit for making a victim, and for a mutation."""
_ADDRESSES = 8 << 30
"""Bytes of addresses that a process may use beyond those of its parent, so that a bomb cannot fill the machine."""


class CommandResult(NamedTuple):
    """Exit code and printed text of a command."""

    code: int
    text: str


@dataclass(frozen=True)
class Result:
    """An attack and what came of it."""

    attack: Attack
    outcome: Outcome
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the verdict is the promised one."""
        return self.outcome.verdict is self.attack.verdict


def command(main: Callable[[Sequence[str]], None], *arguments: str) -> CommandResult:
    """Run the `main` of a module of `supernet.commands` or `scripts` as its program would; a bug raises."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            program.run(main, arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return CommandResult(code, printed.getvalue())


def run(attacks: Sequence[Attack], seconds: float = SECONDS) -> Iterator[Result]:
    """Yield the result of each attack. Victims are made once, in a temporary folder that is deleted in the end."""
    _read_metadata_once()
    with tempfile.TemporaryDirectory(prefix="supernet-attacks-") as name:
        made: dict[str, Path] = {}
        for number, attack in enumerate(attacks):
            target = attack.target
            if target.name not in made:
                made[target.name] = _made(target, Path(name, f"victim{len(made)}"))
            folder = Path(shutil.copytree(made[target.name], Path(name, f"attack{number}"), symlinks=True))
            yield _Child(folder, seconds).result(attack)
            shutil.rmtree(folder, ignore_errors=True)


def _read_metadata_once() -> None:
    """Read the metadata of installed packages once; it takes longer than most attacks."""
    read = metadata.packages_distributions
    if not hasattr(read, "cache_info"):
        metadata.packages_distributions = functools.cache(read)
    metadata.packages_distributions()


def _made(target: Target, folder: Path) -> Path:
    folder.mkdir()
    judged = folder.with_name(f"{folder.name}-judged")

    def copy() -> None:
        target.make()
        shutil.copytree(folder, judged, symlinks=True)
        os.chdir(judged)

    attack = Attack("nothing", "", target, copy, Verdict.INTACT)
    outcome = _Child(folder, _MUTATION_S).result(attack).outcome
    if outcome.verdict is not Verdict.INTACT:
        raise RuntimeError(f"{target.name}: the victim itself is {outcome.verdict}: {outcome.message}")
    shutil.rmtree(judged)
    return folder


class _Child:
    """A forked process that attacks the victim in a folder."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._answer, self._mutated = (folder.with_name(f"{folder.name}.{name}") for name in ("answer", "mutated"))

    def result(self, attack: Attack) -> Result:
        """Run the attack; its time and memory are those of the judge."""
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            os.setsid()
            self._run(attack)
            os._exit(0)
        status, seconds = self._wait(child)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        return Result(attack, self._outcome(status), seconds)

    def _outcome(self, status: int | None) -> Outcome:
        if status is None:
            return Outcome(Verdict.HANG, f"no answer within {self._seconds:.0f} s")
        if not self._answer.exists():
            return Outcome(Verdict.TRACEBACK, f"the process ended with status {status}")
        found = json.loads(self._answer.read_text(encoding="utf-8"))
        if found["peak"] > MEMORY:
            return Outcome(Verdict.MEMORY, f"used {found['peak'] / 2**30:.1f} GiB")
        return Outcome(Verdict(found["verdict"]), found["message"])

    def _run(self, attack: Attack) -> None:
        """Mutate and judge in this process, which is the child."""
        try:
            os.chdir(self._folder)
            attack.mutate()
            # "5" sets the peak of the resident memory to its current value.
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self._mutated.touch()
            _limit()
            outcome = _judged(attack)
        except BaseException:
            outcome = Outcome(Verdict.TRACEBACK, traceback.format_exc())
        self._answer.write_text(json.dumps({**asdict(outcome), "peak": _peak()}), encoding="utf-8")

    def _wait(self, child: int) -> tuple[int | None, float]:
        """Return the exit status, None if the process was too slow and killed, and the seconds after the mutation."""
        started, limit = time.monotonic(), _MUTATION_S
        is_mutated = False
        while True:
            if not is_mutated and self._mutated.exists():
                started, limit, is_mutated = time.monotonic(), self._seconds, True
            done, status = os.waitpid(child, os.WNOHANG)
            seconds = time.monotonic() - started
            if done:
                return status, seconds
            if seconds > limit:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return None, seconds
            time.sleep(0.005)


def _judged(attack: Attack) -> Outcome:
    try:
        outcome = attack.target.judge()
    except UserError as error:
        outcome = Outcome(Verdict.REFUSED, str(error))
    if outcome.verdict is attack.verdict and attack.named not in outcome.message:
        return Outcome(Verdict.UNNAMED, f"{attack.named!r} is not in: {outcome.message}")
    return outcome


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + _ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _peak() -> int:
    """Return the peak of the resident memory of this process in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
