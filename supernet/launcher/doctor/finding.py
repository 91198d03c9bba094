"""One line of `supernet doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether something is there, is missing but not needed for `supernet run`, or prevents it."""

    OK = "ok"
    MISSING = "missing"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """What was found, and what it costs if it is missing or differs."""

    subject: str
    state: State
    found: str
    cost: str = ""
    """Empty if nothing is missing."""

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.state:8}{self.subject:12} {self.found}{f' - {self.cost}' if self.cost else ''}"


def ok(subject: str, found: str) -> Finding:
    """Return a finding of something that is there."""
    return Finding(subject, State.OK, found)


def missing(subject: str, found: str, cost: str) -> Finding:
    """Return a finding of something that `supernet run` works without."""
    return Finding(subject, State.MISSING, found, cost)


def failed(subject: str, found: str, remedy: str) -> Finding:
    """Return a finding that prevents `supernet run`."""
    return Finding(subject, State.FAILED, found, remedy)
