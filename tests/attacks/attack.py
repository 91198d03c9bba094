"""What an attack is: a mutation of a small victim, and the verdict that the threat model promises for it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Verdict(StrEnum):
    """What a user is told about the mutated victim; the first ones can be promised, the others are always wrong."""

    INTACT = "intact"
    STALE = "stale"
    UNEXPECTED = "unexpected"
    BROKEN = "broken"
    OTHER_DIGEST = "other digest"
    """Intact by itself, but the root digest differs from the published one."""
    REFUSED = "refused"
    """An error that names the file, with nothing written or kept."""
    STARTED_ANEW = "started again"
    """A checkpoint of another training is ignored, and the training starts at step 0."""

    WRITTEN = "written"
    """Refused, but with files left behind, or accepted with files that no one may write."""
    UNNAMED = "unnamed"
    """The verdict is right, but the message does not have the text that the attack expects."""
    TRACEBACK = "traceback"
    HANG = "hang"
    MEMORY = "memory"


PROMISABLE = (
    Verdict.INTACT,
    Verdict.STALE,
    Verdict.UNEXPECTED,
    Verdict.BROKEN,
    Verdict.OTHER_DIGEST,
    Verdict.REFUSED,
    Verdict.STARTED_ANEW,
)
"""Verdicts that a promise of the threat model may name."""


@dataclass(frozen=True)
class Outcome:
    """What a judge found: the verdict, and the text that a user reads."""

    verdict: Verdict
    message: str = ""


@dataclass(frozen=True)
class Target:
    """A kind of victim. `make` runs once; each attack gets a copy of what it made. Both run in the victim's folder."""

    name: str
    make: Callable[[], None]
    """Makes the victim in the current folder, which is empty."""
    judge: Callable[[], Outcome]
    """Does what a user does with the victim in the current folder. A UserError counts as refused."""


@dataclass(frozen=True)
class Attack:
    """One attack."""

    name: str
    """What the adversary does; unique."""
    promise: str
    """Number of the promise in `docs/understand/threat-model.md`, such as `A1`."""
    target: Target
    mutate: Callable[[], None]
    """Mutates the victim in the current folder; an error in it is an error of the attack."""
    verdict: Verdict
    named: str = ""
    """Text that the message must contain, such as the path of the mutated file."""


def write(path: str, content: bytes) -> None:
    """Write a file of the victim; its folder is created."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)
