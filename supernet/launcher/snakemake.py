"""Snakemake as a child process."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, TextIO

from supernet.launcher.log import GROUP


class Snakemake:
    """Snakemake in its own process group; it gets SIGINT, SIGTERM and SIGHUP while the context is open.

    A terminal sends Ctrl-C to `supernet run` only, which forwards it once to the whole group, so that jobs can save
    their state. The second signal ends the jobs, the third kills them.
    """

    def __init__(self, command: Sequence[str], folder: Path, log: TextIO) -> None:
        self.signals = 0
        """Number of signals received."""
        self.code = 0
        self._command = command
        self._folder = folder
        self._log = log
        self._output = open(log.name, "rb")  # noqa: SIM115 (closed on exit)
        self._output.seek(0, os.SEEK_END)  # an earlier Snakemake of this run may have written to the log
        self._partial = b""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        caught = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # keep the setting of nohup, which ignores the signal
            caught.append(signal.SIGHUP)
        self._handlers = {number: signal.signal(number, self._forward) for number in caught}
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=0,
        )
        self._log.write(f"{GROUP} {self._process.pid}\n")
        self._log.flush()
        if self.signals:
            self._send(signal.SIGINT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if self._process.poll() is None:  # this program failed: its child must not continue unnoticed
            self._send(signal.SIGINT)
        code = self._process.wait()
        if code < 0:  # jobs of a killed Snakemake would write to the files of the next run
            self._send(signal.SIGTERM)
        self.code = code if code >= 0 else 128 - code
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._output.close()

    def running(self) -> bool:
        """Whether Snakemake is still running."""
        return self._process is not None and self._process.poll() is None

    def lines(self, last: bool = False) -> list[str]:
        """Return the lines of output since the last call; with `last`, also a final line without a newline."""
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
