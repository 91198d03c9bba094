"""When a job has to stop early: before its time limit, or at a signal."""

import signal
import time
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Self

from supernet.errors import UserError

_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""What SLURM sends at a limit, at a preemption and for scancel; and what users ask it to send ahead of those."""
_MARGIN = 120.0
"""Seconds kept of a limit: it began when the job did, before two Snakemakes started, and the end takes time as well."""


class Stopped(UserError):  # noqa: N818 (not a mistake, but told as one: the job has to be started again)
    """A job stopped before its end; what it had done is saved."""


@dataclass(frozen=True)
class Deadline:
    """When the time of a job is over, in Unix seconds; None: never."""

    at: float | None

    @classmethod
    def of(cls, started: float, minutes: float | None) -> Self:
        """From the start of the program and its limit; a third of a short limit is kept, two minutes of a long one."""
        if minutes is None:
            return cls(None)
        return cls(started + minutes * 60 - min(_MARGIN, minutes * 60 / 3))

    def over(self, needed: float = 0.0) -> bool:
        """Whether less than `needed` seconds are left."""
        return self.at is not None and time.time() + needed >= self.at


@dataclass
class Stopping:
    """Knows whether a job has to stop; while the context is open, SIGTERM and SIGUSR1 ask for it and do no more."""

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
            # It came in the last step, which no longer looked: as if it came now.
            signal.raise_signal(self._signal)

    @property
    def reason(self) -> str | None:
        """Why the job has to stop; None while it has not."""
        if self._signal is not None:
            return f"signal {signal.Signals(self._signal).name} came"
        return "its time limit is near" if self.deadline.over() else None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
