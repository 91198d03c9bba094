"""Runs each attack in a process of its own, with limits of time and memory."""

import contextlib
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
from pathlib import Path
from typing import NamedTuple

from attacks.attack import Attack, Outcome, Target, Verdict
from supernet.errors import UserError
from supernet.runtime import program

SECONDS = 5.0
"""A judge that takes longer hangs."""
MEMORY = 1 << 30
"""Bytes of resident memory that a judge may use."""
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
    with tempfile.TemporaryDirectory(prefix="supernet-attacks-") as name:
        made: dict[str, Path] = {}
        for number, attack in enumerate(attacks):
            target = attack.target
            if target.name not in made:
                made[target.name] = _made(target, Path(name, f"victim{len(made)}"))
            folder = Path(shutil.copytree(made[target.name], Path(name, f"attack{number}"), symlinks=True))
            started = time.monotonic()
            outcome = _in_child(lambda: _attacked(attack), folder, seconds)  # noqa: B023
            yield Result(attack, outcome, time.monotonic() - started)
            shutil.rmtree(folder, ignore_errors=True)


def _made(target: Target, folder: Path) -> Path:
    folder.mkdir()

    def make() -> Outcome:
        target.make()
        return target.judge()

    outcome = _in_child(make, folder, 120)
    if outcome.verdict is not Verdict.INTACT:
        raise RuntimeError(f"{target.name}: the victim itself is {outcome.verdict}: {outcome.message}")
    return folder


def _attacked(attack: Attack) -> Outcome:
    attack.mutate()
    try:
        outcome = attack.target.judge()
    except UserError as error:
        outcome = Outcome(Verdict.REFUSED, str(error))
    if outcome.verdict is attack.verdict and attack.named not in outcome.message:
        return Outcome(Verdict.UNNAMED, f"{attack.named!r} is not in: {outcome.message}")
    return outcome


def _in_child(judge: Callable[[], Outcome], folder: Path, seconds: float) -> Outcome:
    """Return the outcome of `judge` in a forked process whose current folder is `folder`."""
    answer = folder.with_name(f"{folder.name}.outcome")
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.setsid()
        _answer(judge, folder, answer)
        os._exit(0)
    status, peak = _wait(child, seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        return Outcome(Verdict.HANG, f"no answer within {seconds:.0f} s")
    if not answer.exists():
        return Outcome(Verdict.TRACEBACK, f"the process ended with status {status}")
    if peak > MEMORY:
        return Outcome(Verdict.MEMORY, f"used {peak / 2**30:.1f} GiB")
    found = json.loads(answer.read_text(encoding="utf-8"))
    return Outcome(Verdict(found["verdict"]), found["message"])


def _answer(judge: Callable[[], Outcome], folder: Path, answer: Path) -> None:
    try:
        os.chdir(folder)
        _limit()
        outcome = judge()
    except BaseException:
        outcome = Outcome(Verdict.TRACEBACK, traceback.format_exc())
    answer.write_text(json.dumps(asdict(outcome)), encoding="utf-8")


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + _ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _wait(child: int, seconds: float) -> tuple[int | None, int]:
    """Return exit status and peak memory in bytes of a process; status None if it takes too long and is killed."""
    end = time.monotonic() + seconds
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage.ru_maxrss * 1024
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.wait4(child, 0)
            return None, 0
        time.sleep(0.005)
