"""Stops jobs early: before their time limit, or at a signal."""

import signal
import time
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Self

from supernet.errors import UserError

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""SIGTERM is what SLURM sends at a limit, at a preemption and for scancel; users may request SIGUSR1 earlier."""
_MARGIN = 120.0
"""Seconds reserved before a limit, which counts from the job's start, before two Snakemakes; saving takes time, too."""


class Stopped(UserError):  # noqa: N818 (printed like an error: the job has to be started again)
    """Raised when a job stops before its end; its state is saved."""


@dataclass(frozen=True)
class Deadline:
    """The Unix time in seconds at which a job has to stop; None: never."""

    at: float | None

    @classmethod
    def of(cls, started: float, minutes: float | None) -> Self:
        """Return the deadline for a start time and a limit; a third of the limit, at most two minutes, is reserved."""
        if minutes is None:
            return cls(None)
        return cls(started + minutes * 60 - min(_MARGIN, minutes * 60 / 3))

    def over(self, needed: float = 0.0) -> bool:
        """Whether at most `needed` seconds are left."""
        return self.at is not None and time.time() + needed >= self.at


@dataclass
class Stopping:
    """Tells whether a job has to stop; while the context is open, SIGTERM and SIGUSR1 only request a stop."""

    deadline: Deadline
    _signal: int | None = None
    _handlers: dict[int, object] = field(default_factory=dict)

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._handlers[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if kind is None and self._signal is not None:
            # It came after the last check: deliver it again now.
            signal.raise_signal(self._signal)

    @property
    def reason(self) -> str | None:
        """Why the job has to stop; None if it does not."""
        if self._signal is not None:
            return f"signal {signal.Signals(self._signal).name} was received"
        return "its time limit is near" if self.deadline.over() else None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
